local read_names = {'payload', 'created_at', 'worker_id', 'key', 'headers', 'error', 'handled', 'failures'}

local function read_fields(key, most)
  local reason = not is_small(key) and unreadable(key, read_names, most)
  local fields = not reason and redis.pcall('HMGET', key, unpack(read_names))
  if fields and fields.err then reason = no_hash(key, fields) end
  if not reason and not fields[1] then
    if redis.call('EXISTS', key) == 0 then return nil end
    return fields, 'its hash has no payload', 0
  end
  if not reason and #fields[1] > most then reason = large_payload(#fields[1], most) end
  if reason then
    return {false, short_field(key, 'created_at', 4096), short_field(key, 'worker_id', 4096), false, false, false,
            short_field(key, 'handled', 4096), false}, reason, 0
  end
  local size = 0
  for i = 1, 8 do size = size + (fields[i] and #fields[i] or 0) end
  return fields, '', size
end

-- An event for reading: {payload, created_at, worker_id, key, headers, error, handled, failures}, and why there is no
-- payload; nothing when it is gone. Also returns the size. `created` gives the time, in us, of an event that does not say
-- it.
local function read_event(key, most, created)
  local fields, reason, size = read_fields(key, most)
  if fields and not fields[2] then
    local us = created()
    fields[2] = us and iso_seconds(math.floor(us / 1000000)) .. string.format('.%06d+00:00', us % 1000000) or false
  end
  return fields, reason, size
end
