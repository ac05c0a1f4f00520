-- Publishes a batch of events: all or nothing. Some of them, in units, carry a word under which they are published once in
-- a window: where a unit of that word was published before and is still there, it stays, and this one adds nothing.
--
-- KEYS  1 meta  2 counter  3 index  4 groups  5 idle  6 the client's call record
-- ARGV  1-4 of the call (shared/calls.lua)  5 TTL of the events, ms  6 worker id
--       7 arguments per event: 1 (payload) or 3 (payload, key, headers; empty for none)
--       8 start of event keys  9 start of wake lists  10 channel  11 start of dedup keys
--       12 number of units with a word; for each, in rising order: its first event (from 0), its events, word, window, ms
--       then the events
-- Reply {state of the call, gen, top, 1 if Redis lost answered calls}; after OK and AGAIN also the outcome as text: the
--       first id and its created_at in us, which the following new events continue densely; then four numbers for each
--       unit that had been published before: which unit (from 0), first id, its created_at in us, number of events
-- Cost  per event one HSET and one PEXPIREAT, one member of one ZADD; PUBLISH while somebody listens. About 12 commands a
--       call beside; up to 4 per unit with a word. Only groups that wait for work cost anything.
--
-- The first write is the HSET of a new event, which a full Redis refuses: then nothing has happened.
--@include shared/time.lua
--@include shared/iso8601.lua
--@include shared/calls.lua
--@include shared/last_id.lua
--@include shared/groups.lua
--@include shared/chunks.lua

local meta, counter, index, groups, idle, record = unpack(KEYS)
local ttl, worker, stride = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local events, wake, channel = ARGV[8], ARGV[9], ARGV[10]
local dedup, units = ARGV[11], tonumber(ARGV[12])
local first = 13 + 4 * units
local count = (#ARGV - first + 1) / stride

local known = redis.call('HMGET', meta, 'gen', 'top', 'us', 'sweep', 'indexed')
local gen, top, last_us, classes = known[1] or '', whole(known[2]), whole(known[3]) or 0, known[4] or ''
local state, note = recall(record)
if state ~= 'OK' then return {state, gen, top or 0, 0, note} end

-- Read everything that can be of a wrong type before the first write.
local given = redis.call('GET', counter)
local indexed = redis.call('ZCARD', index)
local idle_groups, unmarked = redis.call('SMEMBERS', idle), {}
for _, group in ipairs(idle_groups) do
  if redis.call('LLEN', wake .. group) == 0 then unmarked[#unmarked + 1] = wake .. group end
end
local meta_is_new = not top
if meta_is_new and indexed + redis.call('HLEN', groups) > 0 then
  -- Somebody deleted meta: ids and times go on after all that can still be known.
  local newest = redis.call('ZREVRANGE', index, 0, 0, 'WITHSCORES')
  last_us = math.max(last_us, newest[2] and micros(newest[2]) or 0)
  given = math.max(whole(given) or 0, whole(newest[1]) or 0)
  for _, group in ipairs(all_groups(groups)) do given = math.max(given, group.cursor) end
end
local last = last_id(given, top)
local first_us = math.max(last_us + 1, now_us)

-- What is new: all, or `places` of their arguments. A word that comes twice in one batch counts like one that was
-- published before.
local repeated, marks, places, fresh, sizes = {}, {}, nil, {}, {}
if units > 0 then
  places = {}
  local next_event = 0
  local function add_places(to)
    for event = next_event, to - 1 do places[#places + 1] = first + event * stride end
  end
  for unit = 0, units - 1 do
    local at = 13 + 4 * unit
    local begin, size, word = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), ARGV[at + 2]
    add_places(begin)
    if #word > 128 or string.sub(word, 1, 5) == 'sha1:' then word = 'sha1:' .. redis.sha1hex(word) end
    local key = dedup .. word
    local id, us, its_size = string.match(redis.call('GET', key) or '', '^(%d+) (%d+) (%d+)$')
    if fresh[key] then
      id, us, its_size = digits(last + fresh[key]), digits(first_us + fresh[key] - 1), sizes[key]
    elseif id and redis.call('EXISTS', events .. id) == 0 then
      id = nil
    end
    if id then
      repeated[#repeated + 1] = unit .. ' ' .. id .. ' ' .. us .. ' ' .. its_size
    else
      fresh[key], sizes[key] = #places + 1, size
      marks[#marks + 1] = {key, digits(last + #places + 1) .. ' ' .. digits(first_us + #places) .. ' ' .. size,
                           digits(now_ms + tonumber(ARGV[at + 3]))}
      next_event = begin
      add_places(begin + size)
    end
    next_event = begin + size
  end
  add_places(count)
  count = #places
end
local outcome = digits(last + 1) .. ' ' .. digits(first_us)
if #repeated > 0 then outcome = outcome .. ' ' .. table.concat(repeated, ' ') end
if count == 0 then
  redis.call('PERSIST', index)
  remember(record, outcome)
  return {'OK', gen, top or 0, note and 1 or 0, outcome}
end

-- The id is new, so whatever stands under its key is not an event.
local function replace(fields)
  redis.call('DEL', fields[1])
  redis.call('HSET', unpack(fields))
end

local expires = digits(math.ceil((first_us + count) / 1000) + ttl)
local entries, second, date, seconds = {}, nil, nil, nil
for i = 0, count - 1 do
  local id, us, at = digits(last + 1 + i), first_us + i, places and places[i + 1] or first + i * stride
  local its_second = math.floor(us / 1000000)
  if its_second ~= second then second, date, seconds = its_second, iso_seconds(its_second), digits(its_second) end
  local fraction = string.format('.%06d', us - second * 1000000)
  local key, written = events .. id, 5
  local created_at = date .. fraction .. '+00:00'
  local made
  if stride == 1 then
    made = redis.pcall('HSET', key, 'id', id, 'payload', ARGV[at], 'status', 'PENDING', 'created_at', created_at,
                       'worker_id', worker)
  end
  if made ~= written then
    local fields = {key, 'id', id, 'payload', ARGV[at], 'status', 'PENDING', 'created_at', created_at,
                    'worker_id', worker}
    for extra = 1, stride - 1 do
      if ARGV[at + extra] ~= '' then
        fields[#fields + 1] = extra == 1 and 'key' or 'headers'
        fields[#fields + 1] = ARGV[at + extra]
        written = written + 1
      end
    end
    if not made then made = redis.pcall('HSET', unpack(fields)) end
    if type(made) == 'table' and not string.find(made.err, 'WRONGTYPE', 1, true) then return made end
    if made ~= written then replace(fields) end
  end
  redis.call('PEXPIREAT', key, expires)
  entries[#entries + 1] = seconds .. fraction
  entries[#entries + 1] = id
end
local added = chunked('ZADD', index, entries, 2)
local new_top = digits(last + count)
redis.call('SET', counter, new_top)

if gen == '' then gen = redis.sha1hex(record .. digits(now_us)) end
redis.call('HSET', meta, 'gen', gen, 'top', new_top, 'us', digits(first_us + count - 1))
-- Where it is not known how many entries the index should have, the next clean-up looks what it lacks.
local before = whole(known[5]) or last == 0 and indexed
if before then redis.call('HSET', meta, 'indexed', digits(before + added)) end
-- A pointer for the clean-up of this TTL; the first one of a new meta starts at the very beginning.
if not string.find(' ' .. classes, ' ' .. ARGV[5] .. ':', 1, true) then
  --@include shared/sweep_classes.lua
  redis.call('HSET', meta, 'sweep', add_class(classes, ttl, meta_is_new and 0 or first_us - 1))
end
if last == 0 then redis.call('HSETNX', groups, 'default', '0 0 0 0') end
for _, list in ipairs(unmarked) do redis.call('RPUSH', list, '1') end
if #idle_groups > 0 then redis.call('DEL', idle) end
for _, mark in ipairs(marks) do
  redis.call('SET', mark[1], mark[2])
  redis.call('PEXPIREAT', mark[1], mark[3])
end
remember(record, outcome)

local notice = ', "status": "PENDING", "worker_id": ' .. cjson.encode(worker) .. '}'
for i = 1, count do
  local heard = redis.pcall('PUBLISH', channel, '{"event_id": ' .. digits(last + i) .. notice)
  if i == 1 and (type(heard) == 'table' or heard == 0) then break end
end
return {'OK', gen, last + count, note and 1 or 0, outcome}
