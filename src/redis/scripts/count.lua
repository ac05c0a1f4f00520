-- Counts events by time and status.
--
-- KEYS  1 meta  2 index  3 groups  4 counter
-- ARGV  1 earliest created_at, us  2 latest, us  3 status, or empty  4 start of leases sets  5 of open sets
--       6 of dead sets
-- Reply {gen, top, count, where to go on: `latest` of the next call, or -1 when this is all, 1 if the index lacks
--       entries (see reindex)}
-- Cost  a few ZCOUNTs, whatever their number, and with a time range the leases. With several groups one more command for
--       each event that is dead, leased or delayed (for PENDING and PROCESSING up to two per group) and that the status
--       needs: up to 4,000 a call. Up to 8,000 leases are read to find them; of more the index is looked through. Writes
--       nothing.
--@include shared/time.lua
--@include shared/groups.lua
--@include shared/truth.lua
--@include shared/sweep_classes.lua
--@include shared/kept.lua
--@include shared/tally.lua
--@include shared/select.lua
--@include shared/tally_groups.lua
--@include shared/last_id.lua
--@include shared/indexed.lua

local meta, index = KEYS[1], KEYS[2]
local from, to, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local known = redis.call('HMGET', meta, 'gen', 'top', 'sweep', 'kept', 'indexed', 'reindex')
local list = all_groups(KEYS[3])
for _, group in ipairs(list) do open_group(group, ARGV[4], ARGV[5], ARGV[6]) end

local status, since = wanted == '' and 'ALL' or wanted, alive_since(known[3], known[4])
local count, next_to = nil, -1
if #list > 1 then
  local counts
  counts, next_to = tally_groups(index, list, status, from, to, since)
  count = counts[status]
else
  count = tally(index, list[1], status, from, to, since)
end
local last = last_id(redis.call('GET', KEYS[4]), whole(known[2]))
local lacking = lacks_entries(redis.call('ZCARD', index), known[5], known[6], last)
return {known[1] or '', tonumber(known[2] or nil) or 0, count, next_to, lacking and 1 or 0}
