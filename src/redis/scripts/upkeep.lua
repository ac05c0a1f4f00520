-- The look that every worker takes once a second: its heartbeats, and whether it missed any work.
--
-- KEYS  1 meta  2 counter  3 index  4 groups  5 idle  6 workers; with a group also its 7 leases  8 delayed  9 held
--       10 open  11 dead
-- ARGV  1 group, or empty  2 until a subscriber counts as gone, ms  3 start of subscriber keys  4 event type
--       5... of each live subscriber: id, group, worker id, host, pid
-- Reply {gen, top, 1 if a take of the group would find something to do, 1 if it is time for a sweep, how many leases
--       discard has revoked so far}
-- Cost  O(subscribers of this worker), and about 25 commands
--
-- Takes the TTL off what must have none, should anybody have put one there.
--@include shared/time.lua
--@include shared/iso8601.lua
--@include shared/last_id.lua
--@include shared/groups.lua
--@include shared/presence.lua
--@include shared/sweep_classes.lua
--@include shared/places.lua

local meta, counter, index, groups, idle, workers, leases, delayed, held, open = unpack(KEYS)
local group, alive_for, start, event_type = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]

local known = redis.call('HMGET', meta, 'gen', 'top', 'seen', 'grace', 'sweep', 'swept', 'revoked')
local last = last_id(redis.call('GET', counter), whole(known[2]))
local grace = grace_until(known[3], known[4])
local takeable = false
if group ~= '' then
  local cursor = parse_group(redis.call('HGET', groups, group)) or 0
  takeable = cursor < last or redis.call('ZCOUNT', delayed, '-inf', digits(now_ms)) > 0 or
             grace == 0 and redis.call('ZCOUNT', leases, '-inf', digits(now_ms)) > 0 or
             lacks_places(leases, held, delayed, open)
end
-- The sweep of what is looked at in turns: by one worker, every 2 s. Of what is now older than its TTL: at once.
local swept = whole(known[6])
local sweep_due = not swept or swept > now_ms or now_ms - swept >= 2000
for _, class in ipairs(parse_classes(known[5] or '')) do
  local limit = now_us - class.ttl * 1000 - 10000
  if not sweep_due and limit > class.pointer then
    sweep_due = #redis.call('ZRANGEBYSCORE', index, '(' .. score(class.pointer), score(limit), 'LIMIT', 0, 1) > 0
  end
end
local departed = redis.call('ZRANGEBYSCORE', workers, '-inf', digits(now_ms), 'LIMIT', 0, 100)

for _, key in ipairs(KEYS) do redis.call('PERSIST', key) end
if group ~= '' then redis.call('HSET', meta, 'seen', digits(now_ms), 'grace', digits(grace)) end
if sweep_due then redis.call('HSET', meta, 'swept', digits(now_ms)) end
if #departed > 0 then redis.call('ZREM', workers, unpack(departed)) end
local deadline = digits(now_ms + alive_for)
local created = iso_seconds(math.floor(now_us / 1000000)) .. string.format('.%06d+00:00', now_us % 1000000)
for i = 5, #ARGV, 5 do
  local key = start .. ARGV[i]
  local added = redis.pcall('HSETNX', key, 'created_at', created)
  if type(added) == 'table' then redis.call('DEL', key) end
  if added ~= 0 then
    redis.call('HSET', key, 'created_at', created, 'id', ARGV[i], 'event_type', event_type, 'group', ARGV[i + 1],
               'worker_id', ARGV[i + 2], 'host', ARGV[i + 3], 'pid', ARGV[i + 4])
  end
  redis.call('PEXPIREAT', key, deadline)
  redis.call('ZADD', workers, deadline, ARGV[i])
end
return {known[1] or '', tonumber(known[2] or nil) or 0, takeable and 1 or 0, sweep_due and 1 or 0, whole(known[7]) or 0}
