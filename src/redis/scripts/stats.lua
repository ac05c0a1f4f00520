-- How a queue stands.
--
-- KEYS  1 meta  2 counter  3 index  4 groups  5 workers
-- ARGV  1 start of leases sets  2 of open sets  3 of dead sets  4 latest created_at to count, us (of a call that goes on)
-- Reply {gen, top, last id, live subscribers, counts PENDING, PROCESSING, PROCESSED, ERROR, where to go on with these
--       counts or -1, {name, lag, age in ms of the oldest pending event or -1, expired, leased} of each
--       group, 1 if the index lacks entries (see reindex)}
-- Cost  a few ZCOUNTs per group; with several groups also what count.lua says. Writes nothing.
--@include shared/time.lua
--@include shared/last_id.lua
--@include shared/groups.lua
--@include shared/truth.lua
--@include shared/sweep_classes.lua
--@include shared/kept.lua
--@include shared/tally.lua
--@include shared/select.lua
--@include shared/tally_groups.lua
--@include shared/indexed.lua

local meta, counter, index, groups, workers = unpack(KEYS)
local to = tonumber(ARGV[4])
local known = redis.call('HMGET', meta, 'gen', 'top', 'sweep', 'kept', 'indexed', 'reindex')
local list, since = all_groups(groups), alive_since(known[3], known[4])
local last = last_id(redis.call('GET', counter), whole(known[2]))
local lacking = lacks_entries(redis.call('ZCARD', index), known[5], known[6], last)
local described = {}
for i, group in ipairs(list) do
  open_group(group, ARGV[1], ARGV[2], ARGV[3])
  local from = math.max(group.us + 1, since)
  local beyond = redis.call('ZCOUNT', index, score(from), '+inf')
  local discarded, oldest = redis.call('ZCOUNT', group.dead, score(from), '+inf'), nil
  local first = redis.call('ZRANGEBYSCORE', index, score(from), '+inf', 'WITHSCORES', 'LIMIT', 0,
                           math.min(discarded, 1000) + 1)
  for n = 1, #first, 2 do
    if not oldest and (discarded == 0 or not redis.call('ZSCORE', group.dead, first[n])) then oldest = first[n + 1] end
  end
  local delayed = redis.call('ZRANGE', group.open, 0, 0, 'WITHSCORES')[2]
  local us = delayed and micros(delayed) or oldest and micros(oldest)
  -- Ids beyond the cursor that are in no index have expired; a group that is being rebuilt counts none. While the index
  -- lacks entries they count as waiting: some of them do, and who waits for the end must not take this for it.
  local lost = math.max(last - group.cursor - beyond, 0)
  if lacking then beyond, lost = beyond + lost, 0 end
  if group.cursor < group.rebuilt then lost = 0 end
  described[i] = {group.name, beyond - discarded + group.opened, us and math.max(math.floor((now_us - us) / 1000), 0) or -1,
                  group.expired + lost, group.leased}
end
local counts, next_to
if #list > 1 then
  counts, next_to = tally_groups(index, list, nil, 0, to, since)
else
  counts, next_to = {}, -1
  for _, status in ipairs({'PENDING', 'PROCESSING', 'PROCESSED', 'ERROR'}) do
    counts[status] = tally(index, list[1], status, 0, to, since)
  end
end
return {known[1] or '', tonumber(known[2] or nil) or 0, last, redis.call('ZCOUNT', workers, digits(now_ms), '+inf'),
        counts.PENDING, counts.PROCESSING, counts.PROCESSED, counts.ERROR, next_to, described, lacking and 1 or 0}
