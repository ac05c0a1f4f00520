local function read_fields(key, most)
  local size = redis.pcall('HSTRLEN', key, 'payload')
  if type(size) == 'table' then
    if not string.find(size.err, 'WRONGTYPE', 1, true) then error(size.err) end
    local reason = 'its key holds a ' .. redis.call('TYPE', key).ok .. ', not a hash'
    return {false, false, false, false, false, false, false, false}, reason, 0
  end
  if size > most then
    local fields = redis.call('HMGET', key, 'none', 'created_at', 'worker_id', 'none', 'none', 'none', 'handled', 'none')
    return fields, 'its payload has ' .. digits(size) .. ' bytes, more than the max_payload_bytes of ' .. digits(most), 0
  end
  local fields = redis.call('HMGET', key, 'payload', 'created_at', 'worker_id', 'key', 'headers', 'error', 'handled', 'failures')
  if not fields[1] then
    if redis.call('EXISTS', key) == 0 then return nil end
    return fields, 'its hash has no payload', 0
  end
  for i = 2, 8 do size = size + (fields[i] and #fields[i] or 0) end
  if size > most + 1048576 then
    return {false, fields[2], false, false, false, false, false, false}, 'its fields have ' .. digits(size) .. ' bytes', 0
  end
  return fields, '', size
end

-- An event for reading: {payload, created_at, worker_id, key, headers, error, handled, failures}, and why there is no
-- payload; nothing when it is gone. An oversized payload is not read. Also returns the size. `created` gives the time, in us, of an
-- event that does not say it.
local function read_event(key, most, created)
  local fields, reason, size = read_fields(key, most)
  if fields and not fields[2] then
    local us = created()
    fields[2] = us and iso_seconds(math.floor(us / 1000000)) .. string.format('.%06d+00:00', us % 1000000) or false
  end
  return fields, reason, size
end
