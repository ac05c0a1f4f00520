-- Counting events of one group, by sums of ZCOUNT.

local latest_us = 4503599627370496  -- 2^52: as good as no end

-- An event that was published before this can only be there as an exception: dead, delayed or leased. 0 when unknown.
local function alive_since(classes, kept)
  local longest = nil
  for _, class in ipairs(parse_classes(classes or '')) do longest = math.max(longest or 0, class.ttl) end
  if not longest then return 0 end
  return math.min(math.max(now_us - longest * 1000 - 10000, 0), read_kept(kept) or now_us)
end

local function in_range(set, from, to)
  if from > to then return 0 end
  return redis.call('ZCOUNT', set, score(from), score(to))
end

-- Ids and times rise together, so a range of times is one of ids: the first and the last; nothing when it is empty.
local function id_range(index, from, to)
  if from > to then return nil end
  local first = redis.call('ZRANGEBYSCORE', index, score(from), score(to), 'LIMIT', 0, 1)[1]
  if not first then return nil end
  local last = redis.call('ZREVRANGEBYSCORE', index, score(to), score(from), 'LIMIT', 0, 1)[1]
  return tonumber(first) or 0, tonumber(last) or 0
end

-- Ids of the leases on events that were created in the range; in no order.
local function leased_ids(index, group, from, to)
  local ids = {}
  if group.leased == 0 then return ids end
  local first, last = id_range(index, from, to)
  if not first then return ids end
  for _, text in ipairs(redis.call('ZRANGE', group.leases, 0, -1)) do
    local id = tonumber(text) or 0
    if id >= first and id <= last then ids[#ids + 1] = id end
  end
  return ids
end

-- How many events stand so; 'ALL' is a status here. Without a group everything is PENDING.
local function tally(index, group, status, from, to, since)
  if not group then
    return (status == 'ALL' or status == 'PENDING') and in_range(index, math.max(from, since), to) or 0
  end
  local function all()
    local too_old = math.min(since - 1, to)
    return in_range(index, math.max(from, since), to) + in_range(group.dead, from, too_old) +
           in_range(group.open, from, too_old) + #leased_ids(index, group, from, too_old)
  end
  local function dead() return in_range(group.dead, from, to) end
  local function pending()
    local beyond = math.max(from, since, group.us + 1)
    return in_range(index, beyond, to) - in_range(group.dead, beyond, to) + in_range(group.open, from, to)
  end
  local function leased()
    if from <= 0 and to >= latest_us then return group.leased end
    return #leased_ids(index, group, from, to)
  end
  if status == 'ALL' then return all() end
  if status == 'ERROR' then return dead() end
  if status == 'PENDING' then return pending() end
  if status == 'PROCESSING' then return leased() end
  return math.max(all() - dead() - pending() - leased(), 0)
end
