-- Live subscribers of all processes.
--
-- KEYS  1 workers
-- ARGV  1 start of subscriber keys  2 id of the one that is asked for, or empty: all, at most 10,000
-- Reply {id, event_type, group, worker_id, host, pid, created_at} of each
-- Cost  one HMGET per subscriber
--@include shared/time.lua

local ids = {ARGV[2]}
if ARGV[2] == '' then ids = redis.call('ZRANGEBYSCORE', KEYS[1], digits(now_ms), '+inf', 'LIMIT', 0, 10000) end
local found = {}
for _, id in ipairs(ids) do
  local fields = redis.pcall('HMGET', ARGV[1] .. id, 'id', 'event_type', 'group', 'worker_id', 'host', 'pid', 'created_at')
  if not fields.err and fields[1] then found[#found + 1] = fields end
end
return found
