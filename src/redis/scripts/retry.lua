-- Makes given-up events takeable again, with all their attempts, and delayed ones at once.
--
-- KEYS  1 meta  2 index  3 groups  4 idle  5 the client's call record
-- ARGV  1-4 of the call (shared/calls.lua)  5 TTL of the events, ms  6 start of event keys
--       7 of delayed sets  8 of open sets  9 of dead sets  10 of held hashes  11 of wake lists
--       12 1: delayed ones too, 0: only those given up  13... ids
-- Reply {state of the call, gen, top, 1 if Redis lost answered calls}; after OK and AGAIN also: one letter per id:
--       '1' it is takeable again, '0' it was not given up (nor not yet due), '-' it is gone
-- Cost  per id an EXISTS, and about five commands per group that gave it up
--
-- What failed before stays in its `failures`. In each group that had not given it up nothing changes.
--@include shared/time.lua
--@include shared/iso8601.lua
--@include shared/calls.lua
--@include shared/groups.lua
--@include shared/held.lua
--@include shared/wake.lua
--@include shared/fields.lua
--@include shared/give_up.lua
--@include shared/kept.lua

local meta, index, groups, idle, record = unpack(KEYS)
local ttl, events, delayed, open = tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8]
local dead, held, wake, delayed_too = ARGV[9], ARGV[10], ARGV[11], ARGV[12] == '1'

local known = redis.call('HMGET', meta, 'gen', 'top', 'kept')
local gen, top = known[1] or '', tonumber(known[2] or nil) or 0
local state, note = recall(record)
if state ~= 'OK' then return {state, gen, top, 0, note} end

local list = all_groups(groups)
redis.call('ZCARD', index)
redis.call('SCARD', idle)
for _, group in ipairs(list) do
  redis.call('ZCARD', delayed .. group.name)
  redis.call('ZCARD', open .. group.name)
  redis.call('ZCARD', dead .. group.name)
  redis.call('HLEN', held .. group.name)
  redis.call('LLEN', wake .. group.name)
end

redis.call('PERSIST', index)
read_kept(known[3])
local answers, woken, retried = {}, {}, false
for i = 13, #ARGV do
  local id, key, answer = ARGV[i], events .. ARGV[i], '0'
  if redis.call('EXISTS', key) == 0 then
    answer = '-'
  else
    for _, group in ipairs(list) do
      local name = group.name
      if redis.call('ZREM', dead .. name, id) == 1 then
        answer = '1'
        if tonumber(id) <= group.cursor then
          redis.call('ZADD', delayed .. name, 0, id)
          redis.call('ZADD', open .. name, score_of(index, key, id), id)
          redis.call('HDEL', held .. name, id)
        end
        woken[name] = true
      elseif delayed_too and tonumber(redis.call('ZSCORE', delayed .. name, id) or 0) > now_ms then
        answer = '1'
        redis.call('ZADD', delayed .. name, 0, id)
        woken[name] = true
      end
    end
    if answer == '1' then
      redis.pcall('HDEL', key, 'discarded', 'handled')
      set_fields(key, 1, 'status', 'PENDING')
      keep_for(key, ttl)
      keep_in_counts(score_of(index, key, id), ttl)
      retried = true
    end
  end
  answers[#answers + 1] = answer
end
if retried then redis.call('HSET', meta, 'kept', kept_text()) end
for name in pairs(woken) do tell_idle(name, idle, wake .. name, true) end
local outcome = table.concat(answers)
remember(record, outcome)
return {'OK', gen, top, note and 1 or 0, outcome}
