-- The status of an event: the keys say it, not the field `status`. ERROR before PROCESSING before PENDING before
-- PROCESSED over all groups; PENDING while there is no group.
local precedence = {PROCESSED = 1, PENDING = 2, PROCESSING = 3, ERROR = 4}

-- Names the group's sets and looks which of them are empty.
local function open_group(group, leases, open, dead)
  group.leases, group.open, group.dead = leases .. group.name, open .. group.name, dead .. group.name
  group.leased = redis.call('ZCARD', group.leases)
  group.opened = redis.call('ZCARD', group.open)
  group.died = redis.call('ZCARD', group.dead)
end

local function status_in(group, id)
  if group.died > 0 and redis.call('ZSCORE', group.dead, id) then return 'ERROR' end
  if group.leased > 0 and redis.call('ZSCORE', group.leases, id) then return 'PROCESSING' end
  if tonumber(id) > group.cursor or group.opened > 0 and redis.call('ZSCORE', group.open, id) then return 'PENDING' end
  return 'PROCESSED'
end

local function overall_status(list, id)
  if #list == 0 then return 'PENDING' end
  local overall = 'PROCESSED'
  for _, group in ipairs(list) do
    local status = status_in(group, id)
    if precedence[status] > precedence[overall] then overall = status end
  end
  return overall
end

-- The group with the lowest cursor: what is beyond that one is PENDING at least, what is not is PROCESSED at best.
local function slowest_of(list)
  local slowest = list[1] or {cursor = 0, us = 0}
  for _, group in ipairs(list) do
    if group.cursor < slowest.cursor then slowest = group end
  end
  return slowest
end

local function leases_of(list)
  local count = 0
  for _, group in ipairs(list) do count = count + group.leased end
  return count
end
local most_leases = 8000  -- that a call reads to find those of a time range, with several groups
