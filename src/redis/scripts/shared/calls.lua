-- The call record: each numbered call of a client object is applied once, in order, however often it is sent. Its ARGV
-- begins with: call number, base (the lowest number that had not been answered when the call was sent), TTL of the record
-- in ms, and until when this copy counts, in ms by this server's clock as far as the client knows it.
local number, base, record_ttl, not_after = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local function keep_record(record) redis.call('PEXPIREAT', record, digits(now_ms + record_ttl)) end

-- 'OK': apply it; and whether Redis lost calls that it had answered. 'AGAIN': it was applied; and its outcome.
-- 'STALE': it was applied or given up long ago. 'GAP': one before it has not arrived. 'LATE': this copy was sent so long
-- ago that the record may have gone since, or by a clock that is too far ahead; and the time here, which is the fifth item
-- of the reply then. A copy counts for half the TTL, and clients end what must not be applied twice 30 s before the other
-- half is over: so far their clock may be ahead.
local function recall(record)
  local left = not_after - now_ms
  if left < 0 or left > record_ttl / 2 + 30000 then return 'LATE', digits(now_ms) end
  local saved = redis.call('HMGET', record, 'last', 'r' .. number % 8)
  local last = tonumber(saved[1] or nil) or 0
  if number <= last then
    local of, outcome = string.match(saved[2] or '', '^(%d+) (.*)$')
    if not of or tonumber(of) ~= number then return 'STALE' end
    keep_record(record)  -- other copies of it may have been sent as late as this one
    return 'AGAIN', outcome
  end
  if number ~= math.max(last + 1, base) then return 'GAP' end
  return 'OK', saved[1] and base > last + 1
end

-- The last write of a call, but for what it tells others.
local function remember(record, outcome)
  local text = digits(number)
  redis.call('HSET', record, 'last', text, 'r' .. number % 8, text .. ' ' .. outcome)
  keep_record(record)
end
