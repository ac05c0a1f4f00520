-- Counting events by their status over several groups. The lowest cursor cuts the index into two parts, which are counted
-- as they are; one by one come only those that stand in a set: the dead, the leased and the delayed of all groups.

-- Shows `note` the leased ones in the range. Where they are too many for one call, returns from when on that is all.
local function find_leased(index, list, from, to, note)
  local leased, most = leases_of(list), math.ceil(2000 / #list)
  if leased == 0 then return nil end
  if leased > most_leases then
    local flat = redis.call('ZREVRANGEBYSCORE', index, score(to), score(from), 'WITHSCORES', 'LIMIT', 0, most)
    for i = 1, #flat, 2 do
      for _, group in ipairs(list) do
        if group.leased > 0 and redis.call('ZSCORE', group.leases, flat[i]) then note(flat[i], 'PROCESSING') end
      end
    end
    return #flat == 2 * most and micros(flat[#flat]) or nil
  end
  local ids, first = {}, 1
  for _, group in ipairs(list) do
    for _, id in ipairs(leased_ids(index, group, from, to)) do ids[#ids + 1] = id end
  end
  while first <= #ids do
    local count = math.min(#ids - first + 1, most)
    select_largest(ids, first, count)
    local newest = {}
    for i = first, first + count - 1 do
      newest[#newest + 1] = ids[i]
      note(digits(ids[i]), 'PROCESSING')
    end
    first = first + count
    if first <= #ids then
      -- The oldest of them that is not gone says how far this came; where all are gone, the next ones do.
      table.sort(newest)
      for _, id in ipairs(newest) do
        local at = redis.call('ZSCORE', index, digits(id))
        if at then return micros(at) end
      end
    end
  end
  return nil
end

-- Id -> status of those in the range that stand in a set, and from when on that is all of them: later than `from` where
-- they are many. Whether they are in the index is not known yet. Of what `wanted` (nil: all) does not need, nothing is
-- read: of ERROR no leases, of PROCESSING leases alone, of PENDING what is dead or leased beyond the cursors, and what is
-- delayed up to there.
local function standing_out(index, list, wanted, from, to)
  local most = 2000
  local found, low, sets, total = {}, from, {}, 0
  local edge = slowest_of(list).us
  local first = wanted == 'PENDING' and math.max(from, edge + 1) or from

  local function note(id, status)
    if precedence[status] > precedence[found[id] or 'PROCESSED'] then found[id] = status end
  end
  local function add_set(name, status, low_end, high_end)
    local count = in_range(name, low_end, high_end)
    -- Whether one of these is outranked is asked of each group.
    local weight = status == wanted and status == 'PENDING' and #list or 1
    if count > 0 then
      total = total + count * weight
      sets[#sets + 1] = {name = name, status = status, from = low_end, to = high_end, weight = weight}
    end
  end
  for _, group in ipairs(list) do
    if group.died > 0 and wanted ~= 'PROCESSING' then add_set(group.dead, 'ERROR', first, to) end
    if group.opened > 0 and wanted ~= 'PROCESSING' and wanted ~= 'ERROR' then
      add_set(group.open, 'PENDING', from, wanted == 'PENDING' and math.min(to, edge) or to)
    end
  end
  for _, set in ipairs(sets) do
    local chunk = total <= most and most or math.ceil(most / #sets / set.weight)
    local flat = redis.call('ZREVRANGEBYSCORE', set.name, score(set.to), score(math.max(set.from, low)), 'WITHSCORES',
                            'LIMIT', 0, chunk)
    for i = 1, #flat, 2 do note(flat[i], set.status) end
    if #flat == 2 * chunk then low = math.max(low, micros(flat[#flat])) end
  end

  local begin = math.max(first, low)
  local reached = wanted ~= 'ERROR' and begin <= to and find_leased(index, list, begin, to, note)
  return found, reached and math.max(low, reached) or low
end

-- Whether an event that is leased or delayed in one group is dead, or leased, in another.
local function outranked(list, id, status)
  for _, group in ipairs(list) do
    if group.died > 0 and redis.call('ZSCORE', group.dead, id) then return true end
    if status == 'PENDING' and group.leased > 0 and redis.call('ZSCORE', group.leases, id) then return true end
  end
  return false
end

-- Counts by the status over all groups, of which that of `wanted` is right: 'ALL' is a status here, and nil all of them.
-- And where to go on, -1 for nowhere. What was published before `since` counts where it stands in a set.
local function tally_groups(index, list, wanted, from, to, since)
  local slowest = slowest_of(list)
  if wanted == 'PROCESSED' then to = math.min(to, slowest.us) end
  local found, low = standing_out(index, list, wanted, from, wanted == 'ALL' and math.min(to, since - 1) or to)
  local alive = math.max(low, since)
  local counts = {
    PENDING = in_range(index, math.max(alive, slowest.us + 1), to),
    PROCESSING = 0,
    PROCESSED = in_range(index, alive, math.min(to, slowest.us)),
    ERROR = 0,
  }
  for id, status in pairs(found) do
    local at = redis.call('ZSCORE', index, id)
    local us = at and micros(at)
    if us and us >= low and us <= to then
      if us >= since then
        local otherwise = us > slowest.us and 'PENDING' or 'PROCESSED'
        counts[otherwise] = counts[otherwise] - 1
      end
      -- Of these two not all was read that goes before them.
      if not ((wanted == 'PENDING' or wanted == 'PROCESSING') and status == wanted and outranked(list, id, status)) then
        counts[status] = counts[status] + 1
      end
    end
  end
  counts.ALL = counts.PENDING + counts.PROCESSING + counts.PROCESSED + counts.ERROR
  return counts, low > from and low - 1 or -1
end
