-- Counting events of one group by sums of ZCOUNT, of several by a walk.

-- An event that was published before this can only be there as an exception: dead, delayed or leased. 0 when unknown.
local function alive_since(classes)
  local longest = nil
  for _, class in ipairs(parse_classes(classes or '')) do longest = math.max(longest or 0, class.ttl) end
  return longest and math.max(now_us - longest * 1000 - 10000, 0) or 0
end

local function in_range(set, from, to)
  if from > to then return 0 end
  return redis.call('ZCOUNT', set, score(from), score(to))
end

-- Ids of the leases, rising; ids and times rise together.
local function leased_ids(group)
  local ids = redis.call('ZRANGE', group.leases, 0, -1)
  for i, id in ipairs(ids) do ids[i] = tonumber(id) or 0 end
  table.sort(ids)
  return ids
end

-- How many of the rising ids are <= id.
local function up_to(ids, id)
  local low, high = 0, #ids
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if ids[middle] <= id then low = middle else high = middle - 1 end
  end
  return low
end

-- How many leased events were created in the range.
local function leases_in(index, group, from, to)
  if group.leased == 0 or from > to then return 0 end
  local oldest = redis.call('ZRANGEBYSCORE', index, score(from), score(to), 'LIMIT', 0, 1)[1]
  if not oldest then return 0 end
  local newest = redis.call('ZREVRANGEBYSCORE', index, score(to), score(from), 'LIMIT', 0, 1)[1]
  local ids = leased_ids(group)
  return up_to(ids, tonumber(newest) or 0) - up_to(ids, (tonumber(oldest) or 0) - 1)
end

-- Counts by status, and ALL. Without a group everything is PENDING.
local function tally(index, group, from, to, since)
  local new_from = math.max(from, since)
  local all = in_range(index, new_from, to)
  if not group then return {ALL = all, PENDING = all, PROCESSING = 0, PROCESSED = 0, ERROR = 0} end
  local died, opened = in_range(group.dead, from, to), in_range(group.open, from, to)
  local leased = leases_in(index, group, from, to)
  local beyond = in_range(index, math.max(new_from, group.us + 1), to)
  -- Exceptions among those up to the cursor that may be there by age.
  local passed = all - beyond
  local among = passed > 0 and in_range(group.dead, new_from, to) + in_range(group.open, new_from, to) +
                leases_in(index, group, new_from, to) or 0
  local processed = math.max(passed - among, 0)
  return {
    ALL = beyond + opened + leased + processed + died,
    PENDING = beyond + opened,
    PROCESSING = leased,
    PROCESSED = processed,
    ERROR = died,
  }
end

-- Counts by the status over all groups, newest first, `most` entries; and where to go on, -1 for nowhere.
local function walk_tally(index, list, from, to, most)
  local counts = {PENDING = 0, PROCESSING = 0, PROCESSED = 0, ERROR = 0}
  if from > to then return counts, -1 end
  local flat = redis.call('ZREVRANGEBYSCORE', index, score(to), score(from), 'WITHSCORES', 'LIMIT', 0, most)
  for i = 1, #flat, 2 do
    local status = overall_status(list, flat[i])
    counts[status] = counts[status] + 1
  end
  return counts, #flat == 2 * most and micros(flat[#flat]) - 1 or -1
end
