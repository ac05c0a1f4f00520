-- Fields of an event's hash. Anybody may have written there, so nothing is copied before it is known how large it is.

-- Whether the hash is small as a whole; so is one that is gone. MEMORY USAGE measures up to 2,000 fields, and with more of
-- them it says more than this.
local try, type_of = redis.pcall, type
local function is_small(key)
  local bytes = try('MEMORY', 'USAGE', key, 'SAMPLES', '2000')
  return not bytes or type_of(bytes) == 'number' and bytes <= 32768
end

-- What an error reply says of the event: its key holds something else. Any other error ends the script.
local function no_hash(key, reply)
  if not string.find(reply.err, 'WRONGTYPE', 1, true) then error(reply.err) end
  return 'its key holds a ' .. redis.call('TYPE', key).ok .. ', not a hash'
end

local function large_payload(bytes, most)
  return 'its payload has ' .. digits(bytes) .. ' bytes, more than the max_payload_bytes of ' .. digits(most)
end

-- Why these fields, payload first, are not to be read; nothing where they may be. For hashes that are not small.
local function unreadable(key, names, most)
  local all = 0
  for i, name in ipairs(names) do
    local bytes = redis.pcall('HSTRLEN', key, name)
    if type(bytes) == 'table' then return no_hash(key, bytes) end
    if i == 1 and bytes > most then return large_payload(bytes, most) end
    all = all + bytes
  end
  if all > most + 1048576 then return 'its fields have ' .. digits(all) .. ' bytes' end
end

-- One field if it has no more than so many bytes, else false.
local function short_field(key, name, most)
  local bytes = redis.pcall('HSTRLEN', key, name)
  return type(bytes) == 'number' and bytes <= most and redis.call('HGET', key, name)
end
