-- The call record: each numbered call of a client object is applied once, in order, however often it is sent. `base` is
-- the lowest number that had not been answered when the call was sent.

-- 'OK': apply it; and whether Redis lost calls that it had answered. 'AGAIN': it was applied; and its outcome.
-- 'STALE': it was applied or given up long ago. 'GAP': one before it has not arrived.
local function recall(record, number, base)
  local saved = redis.call('HMGET', record, 'last', 'r' .. number % 8)
  local last = tonumber(saved[1] or nil) or 0
  if number <= last then
    local of, outcome = string.match(saved[2] or '', '^(%d+) (.*)$')
    if of and tonumber(of) == number then return 'AGAIN', outcome end
    return 'STALE'
  end
  if number ~= math.max(last + 1, base) then return 'GAP' end
  return 'OK', saved[1] and base > last + 1
end

-- The last write of a call, but for what it tells others.
local function remember(record, number, outcome, ttl)
  local text = digits(number)
  redis.call('HSET', record, 'last', text, 'r' .. number % 8, text .. ' ' .. outcome)
  redis.call('PEXPIREAT', record, digits(now_ms + ttl))
end
