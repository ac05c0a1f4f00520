-- Everything that a queue keeps, as it stands.
--
-- KEYS  1 counter  2 groups  3 index  4 meta
-- ARGV  1 start of leases sets  2 of held hashes  3 of delayed sets  4 of open sets  5 of dead sets  6 of wake lists
-- Reply {counter, groups, index, 'key expires type' of each key, {name, leases, held, delayed, open, dead, length of
--       the wake list} of each group, how many entries the index should have, whether it is being put back}
--@include shared/time.lua
local groups = redis.call('HGETALL', KEYS[2])
local described, keys = {}, {}
for i = 1, #groups, 2 do
  local name = groups[i]
  if not string.find(name, ':', 1, true) then
    local function set(n) return redis.call('ZRANGE', ARGV[n] .. name, 0, -1, 'WITHSCORES') end
    described[#described + 1] = {name, set(1), redis.call('HGETALL', ARGV[2] .. name), set(3), set(4), set(5),
                                 redis.call('LLEN', ARGV[6] .. name)}
  end
end
for _, key in ipairs(redis.call('KEYS', '*')) do
  keys[#keys + 1] = key .. ' ' .. redis.call('PEXPIRETIME', key) .. ' ' .. redis.call('TYPE', key).ok
end
return {redis.call('GET', KEYS[1]), groups, redis.call('ZRANGE', KEYS[3], 0, -1), keys, described,
        redis.call('HGET', KEYS[4], 'indexed'), redis.call('HEXISTS', KEYS[4], 'reindex')}
