-- Gives events up by hand: ERROR in each group that has not processed them, also where no worker has reached them yet.
--
-- KEYS  1 meta  2 index  3 groups  4 the client's call record
-- ARGV  1-4 of the call (shared/calls.lua)  5 TTL of given-up events, ms  6 start of event keys
--       7 of leases sets  8 of delayed sets  9 of open sets  10 of dead sets  11 of held hashes  12 channel
--       13 worker id  14 reason  15... ids
-- Reply {state of the call, gen, top, 1 if Redis lost answered calls}; after OK and AGAIN also: one letter per id:
--       '1' given up now, '0' processed or given up before, '-' it is gone
-- Cost  about ten commands per id and group
--
-- A lease on it is lost: its handler's outcome changes nothing any more, and its worker learns of it from `revoked` at its
-- next look (upkeep.lua). Groups that do not exist yet will pass it over.
--@include shared/time.lua
--@include shared/iso8601.lua
--@include shared/calls.lua
--@include shared/groups.lua
--@include shared/held.lua
--@include shared/fields.lua
--@include shared/give_up.lua

local meta, index, groups, record = unpack(KEYS)
local ttl, events, leases, delayed = tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8]
local open, dead, held, channel, worker, reason = ARGV[9], ARGV[10], ARGV[11], ARGV[12], ARGV[13], ARGV[14]

local known = redis.call('HMGET', meta, 'gen', 'top', 'revoked')
local gen, top = known[1] or '', tonumber(known[2] or nil) or 0
local state, note = recall(record)
if state ~= 'OK' then return {state, gen, top, 0, note} end

local list = all_groups(groups)
redis.call('ZCARD', index)
for _, group in ipairs(list) do
  redis.call('ZCARD', leases .. group.name)
  redis.call('ZCARD', delayed .. group.name)
  redis.call('ZCARD', open .. group.name)
  redis.call('ZCARD', dead .. group.name)
  redis.call('HLEN', held .. group.name)
end

redis.call('PERSIST', index)
local answers, discarded, revoked = {}, {}, 0
for i = 15, #ARGV do
  local id, key, answer = ARGV[i], events .. ARGV[i], '0'
  if redis.call('EXISTS', key) == 0 then
    answer = '-'
  else
    if #list == 0 then answer = '1' end
    for _, group in ipairs(list) do
      local name = group.name
      local was_leased = redis.call('ZREM', leases .. name, id) == 1
      local was_delayed = redis.call('ZREM', delayed .. name, id) == 1
      if was_leased then revoked = revoked + 1 end
      if was_leased or was_delayed then redis.call('HDEL', held .. name, id) end
      if was_delayed then redis.call('ZREM', open .. name, id) end
      local beyond = tonumber(id) > group.cursor and not redis.call('ZSCORE', dead .. name, id)
      if was_leased or was_delayed or beyond then
        redis.call('ZADD', dead .. name, score_of(index, key, id), id)
        answer = '1'
      end
    end
    if answer == '1' then
      set_fields(key, 3, 'status', 'ERROR', 'error', reason, 'discarded', '1')
      keep_for(key, ttl)
      discarded[#discarded + 1] = id
    end
  end
  answers[#answers + 1] = answer
end
if revoked > 0 then redis.call('HSET', meta, 'revoked', digits((whole(known[3]) or 0) + revoked)) end
local outcome = table.concat(answers)
remember(record, outcome)

for i, id in ipairs(discarded) do
  local heard = redis.pcall('PUBLISH', channel, '{"event_id": ' .. id .. ', "status": "ERROR", "worker_id": ' ..
                            cjson.encode(worker) .. '}')
  if i == 1 and (type(heard) == 'table' or heard == 0) then break end
end
return {'OK', gen, top, note and 1 or 0, outcome}
