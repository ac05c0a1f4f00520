-- Ends leases: processed, failed, to be retried or handed back. What is not held under the epoch that is said stays as it
-- is.
--
-- KEYS  1 meta  2 index  3 groups  4 idle  5 the client's call record
--       6 leases  7 held  8 delayed  9 open  10 dead  11 wake list, all of the group
-- ARGV  1-4 of the call (shared/calls.lua)  5 group  6 worker id  7 TTL of given-up events, ms
--       8 start of event keys  9 channel  10 number of settlements; for each of them: id, epoch,
--       'p' | 'f' | 'r' | 'b', started and finished how many us ago; for 'f' and 'r' also the error; for 'r' also in how
--       many ms it is due
-- Reply {state of the call, gen, top, 1 if Redis lost answered calls}; after OK and AGAIN also: one '1' or '0' per
--       settlement: whether it was held
-- Cost  per processed event one HSET and its share of one HMGET, ZREM and HDEL; PUBLISH while somebody listens
--
-- The first write is PERSIST, which a full Redis lets pass. An event that expired while it was handled counts as done
-- where it was processed, else as expired.
--@include shared/time.lua
--@include shared/iso8601.lua
--@include shared/calls.lua
--@include shared/held.lua
--@include shared/wake.lua
--@include shared/fields.lua
--@include shared/give_up.lua
--@include shared/chunks.lua
--@include shared/failures.lua
--@include shared/kept.lua
--@include shared/indexed.lua

local meta, index, groups, idle, record, leases, held, delayed, open, dead, wake = unpack(KEYS)
local group, worker, ttl = ARGV[5], ARGV[6], tonumber(ARGV[7])
local events, channel, count = ARGV[8], ARGV[9], tonumber(ARGV[10])

local known = redis.call('HMGET', meta, 'gen', 'top', 'kept', 'indexed')
local gen, top = known[1] or '', tonumber(known[2] or nil) or 0
local state, note = recall(record)
if state ~= 'OK' then return {state, gen, top, 0, note} end

-- Read everything that can be of a wrong type before the first write.
redis.call('ZCARD', index)
redis.call('HLEN', groups)
redis.call('SCARD', idle)
redis.call('ZCARD', leases)
redis.call('ZCARD', delayed)
redis.call('ZCARD', open)
redis.call('ZCARD', dead)
redis.call('LLEN', wake)
local ids, at, first = {}, {}, 11
for i = 1, count do
  ids[i], at[i] = ARGV[first], first
  local verdict = ARGV[first + 2]
  first = first + (verdict == 'r' and 7 or verdict == 'f' and 6 or 5)
end
local texts = redis.call('HMGET', held, unpack(ids))

redis.call('PERSIST', index)
local flags, released, forgotten, gone, seen = {}, {}, {}, {}, {}
local settled, statuses = {}, {}  -- for the channel
local takeable, expired, retried = false, 0, false
local handled_by = '%.0f %.0f ' .. string.gsub(group .. ' ' .. worker, '%%', '%%%%') .. ' %d'

-- Takeable again in so many ms, with its history where there is one. An event that is gone counts as expired.
local function delay(id, key, ms, attempt, lost)
  redis.call('ZADD', delayed, ms > 0 and digits(now_ms + ms) or 0, id)
  redis.call('ZADD', open, score_of(index, key, id), id)
  if lost > 0 or attempt > 1 then
    redis.call('HSET', held, id, '0 ' .. attempt .. ' ' .. lost .. ' 0 ' .. worker)
  else
    forgotten[#forgotten + 1] = id
  end
  takeable = takeable or ms <= 0
end

-- Nothing is said of an event that had expired.
local function finish(id, status, was_there)
  forgotten[#forgotten + 1] = id
  if was_there then
    settled[#settled + 1] = id
    statuses[#settled] = status
  else
    gone[#gone + 1] = id
  end
end

for i = 1, count do
  local id, p = ids[i], at[i]
  local text, epoch = texts[i], ARGV[p + 1]
  if not text or epoch == '0' or seen[id] or string.sub(text, 1, #epoch + 1) ~= epoch .. ' ' then
    flags[i] = '0'
  else
    flags[i], seen[id] = '1', true
    released[#released + 1] = id
    local key, verdict = events .. id, ARGV[p + 2]
    local _, attempt, lost = parse_held(text)
    local handled = string.format(handled_by, now_us - ARGV[p + 3], now_us - ARGV[p + 4], attempt)
    if verdict == 'p' then
      finish(id, 'PROCESSED', set_fields(key, 2, 'status', 'PROCESSED', 'handled', handled))
    elseif verdict == 'f' then
      local failures = with_failure(key, attempt, group, worker, ARGV[p + 5])
      local was_there =
        set_fields(key, 4, 'status', 'ERROR', 'error', ARGV[p + 5], 'handled', handled, 'failures', failures)
      finish(id, 'ERROR', was_there)
      if was_there then
        redis.call('ZADD', dead, score_of(index, key, id), id)
        keep_for(key, ttl)
      else
        expired = expired + 1
      end
    elseif verdict == 'r' then
      local ms = tonumber(ARGV[p + 6])
      local failures = with_failure(key, attempt, group, worker, ARGV[p + 5])
      if set_fields(key, 2, 'error', ARGV[p + 5], 'failures', failures) then
        delay(id, key, ms, attempt + 1, 0)
        keep_for(key, ms + ttl)
        if not retried then read_kept(known[3]) end
        keep_in_counts(score_of(index, key, id), ms + ttl)
        retried = true
      else
        forgotten[#forgotten + 1], gone[#gone + 1], expired = id, id, expired + 1
      end
    elseif redis.call('EXISTS', key) == 1 then
      delay(id, key, 0, attempt, lost)
    else
      forgotten[#forgotten + 1], gone[#gone + 1], expired = id, id, expired + 1
    end
  end
end
if #released > 0 then chunked('ZREM', leases, released) end
if #forgotten > 0 then chunked('HDEL', held, forgotten) end
if #gone > 0 then count_indexed(meta, known[4], -chunked('ZREM', index, gone)) end
if expired > 0 then redis.call('HINCRBY', groups, group .. ':expired', expired) end
if retried then redis.call('HSET', meta, 'kept', kept_text()) end
if takeable then tell_idle(group, idle, wake, true) end
local outcome = table.concat(flags)
remember(record, outcome)

local by = '", "worker_id": ' .. cjson.encode(worker) .. '}'
for i, id in ipairs(settled) do
  local heard = redis.pcall('PUBLISH', channel, '{"event_id": ' .. id .. ', "status": "' .. statuses[i] .. by)
  if i == 1 and (type(heard) == 'table' or heard == 0) then break end
end
return {'OK', gen, top, note and 1 or 0, outcome}
