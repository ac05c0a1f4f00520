-- An event for reading: {payload, created_at, worker_id, key, headers, error, handled}, and why there is no payload;
-- nothing when it is gone. An oversized event is not read. Also returns its size.
local function read_event(key, most)
  local size = redis.pcall('HSTRLEN', key, 'payload')
  if type(size) == 'table' then
    if not string.find(size.err, 'WRONGTYPE', 1, true) then error(size.err) end
    return {}, 'its key holds a ' .. redis.call('TYPE', key).ok .. ', not a hash', 0
  end
  if size > most then
    local fields = redis.call('HMGET', key, 'none', 'created_at', 'worker_id', 'none', 'none', 'none', 'handled')
    return fields, 'it has ' .. digits(size) .. ' bytes, more than the limit of ' .. digits(most), 0
  end
  local fields = redis.call('HMGET', key, 'payload', 'created_at', 'worker_id', 'key', 'headers', 'error', 'handled')
  if not fields[1] then
    if redis.call('EXISTS', key) == 0 then return nil end
    return fields, 'its hash has no payload', 0
  end
  return fields, '', size
end
