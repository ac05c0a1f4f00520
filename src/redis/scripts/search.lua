-- One page of events, newest first.
--
-- KEYS  1 meta  2 index  3 groups  4 counter
-- ARGV  1 earliest created_at, us  2 latest, us  3 status, or empty  4 most events  5 start of event keys
--       6 start of leases sets  7 of open sets  8 of dead sets  9 most bytes of one event  10 most bytes of a reply (the
--       first event may be larger)
-- Reply {gen, top, where to go on: `latest` of the next call, or -1 when nothing older matches, events: {id, status, why
--       there is no payload or '', {payload, created_at, worker_id, key, headers, error, handled, failures}} each,
--       1 if the index lacks entries (see reindex)}
-- Cost  the page: three commands per event and what its status takes: a few for each set of a group and 200 entries, and
--       one per entry and group that holds leases. For PROCESSING the leases are read (with several groups, while there
--       are no more than 8,000), and once for PROCESSED where it jumps over a long run of others (up to 8,000). By status
--       no part of the index is read where nothing can match. Looks at no more than 2,000 entries, so a page may be
--       short. Writes nothing.
--@include shared/time.lua
--@include shared/iso8601.lua
--@include shared/groups.lua
--@include shared/truth.lua
--@include shared/fields.lua
--@include shared/read_event.lua
--@include shared/sweep_classes.lua
--@include shared/kept.lua
--@include shared/tally.lua
--@include shared/select.lua
--@include shared/last_id.lua
--@include shared/indexed.lua

local meta, index = KEYS[1], KEYS[2]
local from, to, wanted, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local events, most, most_reply = ARGV[5], tonumber(ARGV[9]), tonumber(ARGV[10])
local known = redis.call('HMGET', meta, 'gen', 'top', 'indexed', 'reindex')
local last = last_id(redis.call('GET', KEYS[4]), whole(known[2]))
local lacking = lacks_entries(redis.call('ZCARD', index), known[3], known[4], last)
local list = all_groups(KEYS[3])
for _, group in ipairs(list) do open_group(group, ARGV[6], ARGV[7], ARGV[8]) end
local slowest = slowest_of(list)

local found, bytes, looked, reached = {}, 0, 0, nil
local more = false  -- stopped before the end

-- False, for good, when this call may not look at another entry.
local function may_look()
  more = looked == 2000
  looked = looked + 1
  return not more
end

-- Adds an event that matches, unless it is gone. False, for good, when it does not go into this page any more.
local function add(id, us, status)
  more = #found == limit
  if more then return false end
  local fields, reason, size = read_event(events .. id, most, function() return us end)
  if fields then
    more = #found > 0 and bytes + size > most_reply
    if more then return false end
    found[#found + 1] = {id, status, reason, fields}
    bytes = bytes + size
  end
  reached = us
  return true
end

-- Adds an event if its status, which may be known, is the one that is wanted.
local function add_if_wanted(id, us, status)
  if (status or overall_status(list, id)) == wanted then return add(id, us, wanted) end
  reached = us
  return true
end

-- What stands in any of the sets next, from `high` down: {id, us} each, the newest first; and from when on that is all.
local function next_entries(sets, high, low)
  local chunk = math.max(math.min(limit - #found + 1, 200), 20)
  local read, bottom = {}, low
  for _, set in ipairs(sets) do
    local flat = redis.call('ZREVRANGEBYSCORE', set, score(high), score(bottom), 'WITHSCORES', 'LIMIT', 0, chunk)
    for i = 1, #flat, 2 do read[#read + 1] = {flat[i], micros(flat[i + 1])} end
    if #flat == 2 * chunk then bottom = read[#read][2] end
  end
  if #sets == 1 then return read, bottom end
  table.sort(read, function(a, b) return a[2] > b[2] end)
  local entries, seen = {}, {}
  for _, entry in ipairs(read) do
    if entry[2] >= bottom and not seen[entry[1]] then
      entries[#entries + 1], seen[entry[1]] = entry, true
    end
  end
  return entries, bottom
end

-- Id -> status of these entries of the index, which are all between the first and the last of them.
local function statuses_of(entries)
  local statuses = {}
  if #entries == 0 then return statuses end
  local high, low = entries[1][2], entries[#entries][2]
  for _, entry in ipairs(entries) do
    statuses[entry[1]] = (tonumber(entry[1]) or 0) > slowest.cursor and 'PENDING' or 'PROCESSED'
  end
  local function mark(id, status)
    if statuses[id] and precedence[status] > precedence[statuses[id]] then statuses[id] = status end
  end
  local function mark_one_by_one(set, status)
    for _, entry in ipairs(entries) do
      local id = entry[1]
      if statuses[id] ~= 'ERROR' and redis.call('ZSCORE', set, id) then mark(id, status) end
    end
  end
  local function mark_in(set, status)
    local count = in_range(set, low, high)
    if count > #entries then return mark_one_by_one(set, status) end  -- some are in no index
    for _, id in ipairs(count > 0 and redis.call('ZREVRANGEBYSCORE', set, score(high), score(low)) or {}) do
      mark(id, status)
    end
  end
  for _, group in ipairs(list) do
    if group.died > 0 then mark_in(group.dead, 'ERROR') end
    if group.opened > 0 then mark_in(group.open, 'PENDING') end
  end
  for _, group in ipairs(list) do
    if group.leased > 0 then mark_one_by_one(group.leases, 'PROCESSING') end
  end
  return statuses
end

-- Shows `visit` what stands in any of the sets, from `high` down to `low`, until it returns false.
local function walk(sets, high, low, visit)
  while high >= low do
    local entries, bottom = next_entries(sets, high, low)
    for _, entry in ipairs(entries) do
      if not may_look() or not visit(entry[1], entry[2]) then return false end
    end
    high = bottom - 1
  end
  return true
end

-- The same of the index, with the statuses.
local function walk_index(high, low, visit)
  while high >= low do
    local entries, bottom = next_entries({index}, high, low)
    local statuses = statuses_of(entries)
    for _, entry in ipairs(entries) do
      if not may_look() or not visit(entry[1], entry[2], statuses[entry[1]]) then return false end
    end
    high = bottom - 1
  end
  return true
end

-- Those of the groups' sets that are not empty: their `what` ('dead', 'open'), how many are in it by `count`.
local function sets_of(what, count)
  local sets = {}
  for _, group in ipairs(list) do
    if group[count] > 0 then sets[#sets + 1] = group[what] end
  end
  return sets
end

-- The only group of which anything is dead, delayed or leased; nil when there are several.
local function only_exceptional()
  local only = nil
  for _, group in ipairs(list) do
    if group.died + group.opened + group.leased > 0 then
      if only then return nil end
      only = group
    end
  end
  return only
end

-- PROCESSED: the index up to the lowest cursor without the dead, the delayed and the leased. Where these stand in long
-- runs, and are of one group, the run's end is found by comparing counts.
local function walk_processed()
  local high, low, jumps, group = math.min(to, slowest.us), from, 0, only_exceptional()
  local leased  -- ids, rising; read when they are needed

  -- How many leased ids are >= id.
  local function leased_from(id)
    local before, last = 0, #leased
    while before < last do
      local middle = math.ceil((before + last) / 2)
      if leased[middle] < id then before = middle else last = middle - 1 end
    end
    return #leased - before
  end

  -- Those leases whose events are in the index: only they can be compared with counts of it.
  local function leased_in_index()
    local ids = {}
    for _, id in ipairs(leased_ids(index, group, low, high)) do
      if redis.call('ZSCORE', index, digits(id)) then ids[#ids + 1] = id end
    end
    table.sort(ids)
    return ids
  end

  -- The time of the first entry at or below `high` that is no exception; nil when there is none down to `low`.
  local function end_of_run()
    leased = leased or leased_in_index()
    local first_rank = redis.call('ZCOUNT', index, '(' .. score(high), '+inf')
    local last_rank = redis.call('ZCOUNT', index, score(low), '+inf') - 1
    if first_rank > last_rank then return nil end
    local newer = leased_from((tonumber(redis.call('ZREVRANGE', index, first_rank, first_rank)[1]) or 0) + 1)
    local function entry_at(rank)
      local entry = redis.call('ZREVRANGE', index, rank, rank, 'WITHSCORES')
      return tonumber(entry[1]) or 0, micros(entry[2])
    end
    local function only_exceptions_to(rank)
      local id, us = entry_at(rank)
      return in_range(group.dead, us, high) + in_range(group.open, us, high) + leased_from(id) - newer ==
             rank - first_rank + 1
    end
    local good, step = first_rank - 1, 64
    while good < last_rank do
      local probe = math.min(good + step, last_rank)
      if not only_exceptions_to(probe) then
        local bad = probe
        while bad - good > 1 do
          local middle = math.floor((good + bad) / 2)
          if only_exceptions_to(middle) then good = middle else bad = middle end
        end
        local _, us = entry_at(bad)
        return us
      end
      good, step = probe, step * 2
    end
    return nil
  end

  while high >= low do
    local entries, bottom = next_entries({index}, high, low)
    local statuses, hits = statuses_of(entries), 0
    for _, entry in ipairs(entries) do
      local id, us = entry[1], entry[2]
      if not may_look() then return end
      if statuses[id] == 'PROCESSED' then
        hits = hits + 1
        if not add(id, us, 'PROCESSED') then return end
      end
      reached = us
    end
    high = bottom - 1
    if group and group.leased <= most_leases and hits == 0 and high >= low then
      if jumps == 20 then
        more = true
        return
      end
      jumps = jumps + 1
      local us = end_of_run()
      if not us then return end
      if us < high then reached, high = us + 1, us end
    end
  end
end

-- PROCESSING, by id: the newest first. Leases of events that are gone stand among them until a take meets them: they are
-- passed over, however many, so that the page never ends at one.
local function walk_leased()
  local ids = {}
  for _, group in ipairs(list) do
    for _, id in ipairs(leased_ids(index, group, from, to)) do ids[#ids + 1] = id end
  end
  local first, before = 1, nil
  while first <= #ids do
    local count = math.min(#ids - first + 1, limit + 1)
    select_largest(ids, first, count)
    local page = {}
    for i = first, first + count - 1 do page[#page + 1] = ids[i] end
    table.sort(page, function(a, b) return a > b end)
    for _, number in ipairs(page) do
      local id = digits(number)
      local at = number ~= before and redis.call('ZSCORE', index, id)
      if at and not (may_look() and add_if_wanted(id, micros(at))) then return end
      before = number
    end
    first = first + count
  end
end

if from > to then
  -- Nothing.
elseif wanted == '' then
  walk_index(to, from, add)
elseif wanted == 'ERROR' then
  walk(sets_of('dead', 'died'), to, from, function(id, us) return add(id, us, wanted) end)
elseif wanted == 'PENDING' then
  if walk_index(to, math.max(from, slowest.us + 1), add_if_wanted) then
    walk(sets_of('open', 'opened'), math.min(to, slowest.us), from, add_if_wanted)
  end
elseif wanted == 'PROCESSING' then
  if #list > 1 and leases_of(list) > most_leases then
    walk_index(to, from, add_if_wanted)
  else
    walk_leased()
  end
elseif wanted == 'PROCESSED' then
  walk_processed()
end
return {known[1] or '', tonumber(known[2] or nil) or 0, more and reached and reached - 1 or -1, found,
        lacking and 1 or 0}
