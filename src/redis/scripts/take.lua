-- Leases events to one worker of a group: first those whose lease ran out, then those that are due, then new ones.
-- An event that has one more lease to lose is handed out alone, to a worker that holds nothing else of the group: should
-- it be the one that kills its workers, then it takes no other with it.
--
-- KEYS  1 meta  2 counter  3 index  4 groups  5 idle  6 the client's call record
--       7 leases  8 held  9 delayed  10 open  11 dead  12 wake list, all of the group
-- ARGV  1-4 of the call (shared/calls.lua)  5 group  6 most events  7 most bytes of payload (the first
--       event may be larger)  8 lease, ms  9 TTL of events that are given up, ms  10 worker id
--       11 most bytes of one payload  12 start of event keys  13 channel  14 lost leases until an event is given up
--       15 how many events this worker holds
-- Reply {state of the call, gen, top, 1 if Redis lost answered calls}; after OK and AGAIN also: epoch, 1 if more can be
--       taken, number of events that were gone, {id, reason} of each event that was refused and is ERROR now, a list of
--       id, attempt, {payload, created_at, worker_id, key, headers, error} of each event, 1 if it is one to be run alone,
--       and 1 if such events wait for a worker that holds nothing
-- Cost  per event one MEMORY USAGE, one HMGET and its share of one ZADD and one HSET; ids that are gone by variadic EXISTS.
--       About 25 commands a call beside; looks at no more than `max` + 500 events and 2,000 ids. Where somebody deleted
--       a set of the group: up to 500 each of held, open and delayed more.
--
-- Never allocates before its first write, PERSIST, so that workers drain a full Redis.
--@include shared/time.lua
--@include shared/iso8601.lua
--@include shared/calls.lua
--@include shared/last_id.lua
--@include shared/groups.lua
--@include shared/presence.lua
--@include shared/held.lua
--@include shared/wake.lua
--@include shared/fields.lua
--@include shared/give_up.lua
--@include shared/chunks.lua
--@include shared/failures.lua
--@include shared/indexed.lua
--@include shared/places.lua
--@include shared/put_places_back.lua

local meta, counter, index, groups, idle, record, leases, held, delayed, open, dead, wake = unpack(KEYS)
local group, max, max_bytes = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local lease, ttl = tonumber(ARGV[8]), tonumber(ARGV[9])
local worker, max_payload, events, channel = ARGV[10], tonumber(ARGV[11]), ARGV[12], ARGV[13]
local max_lost, holding, max_looked = tonumber(ARGV[14]), tonumber(ARGV[15]), 2000

local known = redis.call('HMGET', meta, 'gen', 'top', 'epoch', 'seen', 'grace', 'indexed')
local gen, top = known[1] or '', whole(known[2])
local state, note = recall(record)
if state ~= 'OK' and state ~= 'AGAIN' then return {state, gen, top or 0, 0, note} end

local discarded = 'discarded'

-- Fields of an event; else nil, and why it cannot be handed out, or nothing when it is gone.
local names = {'payload', 'created_at', 'worker_id', 'key', 'headers', 'error', 'discarded'}
local function read(id)
  local key = events .. id
  local reason = not is_small(key) and unreadable(key, names, max_payload)
  if reason then return nil, redis.pcall('HEXISTS', key, 'discarded') == 1 and discarded or reason end
  local fields = try('HMGET', key, 'payload', 'created_at', 'worker_id', 'key', 'headers', 'error', 'discarded')
  if fields.err then return nil, no_hash(key, fields) end
  local payload = fields[1]
  if not payload then
    if redis.call('EXISTS', key) == 0 then return nil end
    return nil, 'its hash has no payload'
  end
  if fields[7] then return nil, discarded end
  if #payload > max_payload then return nil, large_payload(#payload, max_payload) end
  return fields, nil
end

local given = redis.call('GET', counter)
local cursor, cursor_us, start, rebuilt = parse_group(redis.call('HGET', groups, group))
local last = last_id(given, top)

if state == 'AGAIN' then
  local epoch, list = string.match(note, '^(%d+) ?(.*)$')
  local ids, taken = {}, {}
  for id in string.gmatch(list, '%d+') do ids[#ids + 1] = id end
  local texts = #ids > 0 and redis.call('HMGET', held, unpack(ids)) or {}
  for i, id in ipairs(ids) do
    local its_epoch, attempt = parse_held(texts[i])
    local fields = its_epoch == tonumber(epoch) and read(id)
    if fields then taken[#taken + 1], taken[#taken + 2], taken[#taken + 3] = id, attempt, fields end
  end
  local one = #taken > 0 and holding == 0 and max_lost > 1 and select(3, parse_held(redis.call('HGET', held, taken[1]))) + 1 >= max_lost
  return {state, gen, top or 0, 0, tonumber(epoch), (cursor or 0) < last and 1 or 0, 0, {}, taken, one and 1 or 0, 0}
end

-- Read everything that can be of a wrong type before the first write.
redis.call('ZCARD', index)
redis.call('SCARD', idle)
redis.call('LLEN', wake)
redis.call('ZCARD', dead)
local lacking = lacks_places(leases, held, delayed, open)
if not cursor then
  -- A new group, or one that somebody deleted. What stands up to `rebuilt` may have been processed before.
  cursor, cursor_us, start, rebuilt = 0, 0, 0, last
end
local grace = grace_until(known[4], known[5])
local epoch = math.max((whole(known[3]) or 0) + 1, now_us)

-- Flat lists, two or three places for each event that is taken.
local count, taken, lease_args, held_args, bytes, full = 0, {}, {}, {}, 0, false
local epoch_text, deadline, held_tail = digits(epoch), digits(now_ms + lease), digits(now_ms) .. ' ' .. worker
local held_first_time = epoch_text .. ' 1 0 ' .. held_tail
local refused, gone, expired = {}, {}, 0
local no_lease, not_delayed, forget = {}, {}, {}

-- Adds the event to this take; false when it does not fit any more.
local function add(id, fields, attempt, lost)
  local size = #fields[1]
  if count > 0 and bytes + size > max_bytes then
    full = true
    return false
  end
  bytes = bytes + size
  local two, three = count * 2, count * 3
  count = count + 1
  lease_args[two + 1], lease_args[two + 2] = deadline, id
  held_args[two + 1] = id
  if attempt == 1 and lost == 0 then
    held_args[two + 2] = held_first_time
  else
    held_args[two + 2] = epoch_text .. ' ' .. attempt .. ' ' .. lost .. ' ' .. held_tail
  end
  taken[three + 1], taken[three + 2], taken[three + 3] = id, attempt, fields
  return true
end

-- 1. Leases that ran out, 2. what is due; at most half of the take while there is something new. Of both some more
-- are read than can be taken, so that those that wait to be handed out alone hide nothing.
local failed = {}  -- id, and its field `failures` with the lost lease
local window, alone, left_alone, left_takeable = max + 200, false, 0, false

-- Whether losing one more lease, after `lost`, is the end.
local function in_danger(lost) return max_lost > 1 and lost + 1 >= max_lost end

-- Where it is gone or refused.
local function drop(id, reason)
  forget[#forget + 1] = id
  if reason then
    refused[#refused + 1] = {id, reason}
  else
    gone[#gone + 1], expired = id, expired + 1
  end
end

local handled = {}  -- ids that this take has taken or dropped

-- Takes up to `most` of those in a set that are due; `leave` gets the ids that are not to stay in the set, taken or not.
-- True when there may be more of them.
local function take_due(set, ran_out, most, leave)
  local ids = redis.call('ZRANGEBYSCORE', set, '-inf', digits(now_ms), 'LIMIT', 0, window)
  local texts = #ids > 0 and redis.call('HMGET', held, unpack(ids)) or {}
  -- Who holds nothing begins with one of those that need such a worker.
  for i = 1, holding == 0 and count == 0 and #ids or 0 do
    local _, _, lost = parse_held(texts[i])
    if ran_out then lost = lost + 1 end
    if lost < max_lost and in_danger(lost) then
      ids[1], ids[i], texts[1], texts[i] = ids[i], ids[1], texts[i], texts[1]
      break
    end
  end
  local visited, left = 0, #ids == window
  for i, id in ipairs(ids) do
    local _, attempt, lost, holder = parse_held(texts[i])
    if ran_out then lost = lost + 1 end
    if handled[id] then
      -- When looking for the second time.
    elseif lost < max_lost and in_danger(lost) and (alone or holding > 0 or count > 0) then
      left_alone = left_alone + 1
    elseif lost < max_lost and (alone or full or visited == most) then
      left, left_takeable = true, true
    else
      local fields, reason = read(id)
      if fields and lost >= max_lost then
        fields, reason = nil, 'lost its lease ' .. max_lost .. ' times'
      end
      local added = fields and add(id, fields, attempt, lost)
      if added then
        visited, alone = visited + 1, in_danger(lost)
      elseif fields then
        left = true
      else
        drop(id, reason)
      end
      handled[id] = added or not fields
      if not fields or added and not ran_out then leave[#leave + 1] = id end
      if ran_out and (added or reason) then
        failed[#failed + 1] = {id, with_failure(events .. id, attempt, group, holder, 'its lease was lost')}
      end
    end
  end
  return left
end

local overdue_left = grace == 0 and take_due(leases, true, max, no_lease)
local due_left, before = true, {left_alone, left_takeable}
local room = max - count
-- Where there is nothing new, also without room: what is to be handed out alone is to be told from what can wake others.
if cursor >= last or room > 0 and not full and not alone then
  if cursor < last then room = math.min(room, math.floor((max + epoch % 2) / 2)) end
  due_left = take_due(delayed, false, room, not_delayed)
end

-- 3. What is new.
local dead_again = {}
local passed  -- the last existing event behind which the cursor stands now

-- Whether an event up to `rebuilt` is accounted for already: leased, delayed, dead or done.
local function accounted_for(id)
  if redis.call('ZSCORE', leases, id) or redis.call('ZSCORE', delayed, id) or redis.call('ZSCORE', dead, id) then
    return true
  end
  local key = events .. id
  local status, handled = short_field(key, 'status', 64), short_field(key, 'handled', 4096)
  local by = handled and string.match(handled, '^%d+ %d+ (%S+)') or
             status == 'ERROR' and who_failed_last(short_field(key, 'failures', most_failures_bytes))
  if by == group and status == 'ERROR' then dead_again[#dead_again + 1] = id end
  return by == group
end

local looked, read_limit, missing, chunk = 0, max + 500, 0, 64
while count < max and not full and not alone and cursor < last and looked < max_looked and read_limit > 0 do
  if missing >= 16 then
    -- Many in a row: whole chunks by one EXISTS, larger ones while nothing is found.
    local size = math.min(chunk, last - cursor, max_looked - looked)
    local keys, ids = {}, {}
    for i = 1, size do
      ids[i] = digits(cursor + i)
      keys[i] = events .. ids[i]
    end
    looked = looked + size
    if redis.call('EXISTS', unpack(keys)) == 0 then
      for i = 1, size do gone[#gone + 1] = ids[i] end
      if cursor + size > rebuilt then expired = expired + math.min(size, cursor + size - rebuilt) end
      cursor, chunk = cursor + size, math.min(chunk * 2, 1000)
    elseif chunk > 16 then
      chunk = math.floor(chunk / 4)
    else
      missing, chunk = 0, 64
    end
  else
    local id = digits(cursor + 1)
    local fields, reason = read(id)
    looked, read_limit = looked + 1, read_limit - 1
    if fields or reason then
      missing = 0
      if cursor < rebuilt and accounted_for(id) then
        fields = nil
      elseif reason == discarded then
        dead_again[#dead_again + 1] = id
      elseif reason then
        refused[#refused + 1] = {id, reason}
      end
      if fields and not add(id, fields, 1, 0) then break end
      passed = id
    else
      missing = missing + 1
      gone[#gone + 1] = id
      if cursor >= rebuilt then expired = expired + 1 end
    end
    cursor = cursor + 1
  end
end

-- What is new left room, or was gone or discarded: that is for what is due.
if due_left and cursor >= last and count < max and not full and not alone then
  left_alone, left_takeable = before[1], before[2]
  due_left = take_due(delayed, false, max - count, not_delayed)
end

-- From here on writes only. The first one needs no memory.
redis.call('PERSIST', index)
if count > 0 then
  redis.call('ZADD', leases, unpack(lease_args))
  redis.call('HSET', held, unpack(held_args))
end
if #no_lease > 0 then chunked('ZREM', leases, no_lease) end
if #not_delayed > 0 then
  chunked('ZREM', delayed, not_delayed)
  chunked('ZREM', open, not_delayed)
end
if #forget > 0 then chunked('HDEL', held, forget) end
local indexed = #gone > 0 and -chunked('ZREM', index, gone) or 0
for _, entry in ipairs(failed) do set_fields(events .. entry[1], 1, 'failures', entry[2]) end
for _, id in ipairs(dead_again) do redis.call('ZADD', dead, score_of(index, events .. id, id), id) end
for _, entry in ipairs(refused) do
  local id, key = entry[1], events .. entry[1]
  redis.call('ZADD', dead, score_of(index, key, id), id)
  set_fields(key, 2, 'status', 'ERROR', 'error', entry[2])
  keep_for(key, ttl)
end
if passed then
  local at = redis.call('ZSCORE', index, passed)
  if at then
    cursor_us = micros(at)
  else
    -- Somebody deleted the index: what is handed out comes back into it.
    local restored = {}
    for i = 1, 3 * count, 3 do
      local us = iso_micros(taken[i + 2][2])
      if us then
        restored[#restored + 1], restored[#restored + 2] = score(us), taken[i]
        cursor_us = math.max(cursor_us, us)
      end
    end
    if #restored > 0 then indexed = indexed + redis.call('ZADD', index, 'NX', unpack(restored)) end
  end
end
redis.call('HSET', groups, group,
           digits(cursor) .. ' ' .. digits(cursor_us) .. ' ' .. digits(start) .. ' ' .. digits(rebuilt))
if expired > 0 then redis.call('HINCRBY', groups, group .. ':expired', expired) end
if lacking then put_places_back(group, groups, index, events, lease, leases, held, delayed, open) end
count_indexed(meta, known[6], indexed)
if gen == '' then gen = redis.sha1hex(record .. digits(now_us)) end
redis.call('HSET', meta, 'gen', gen, 'epoch', epoch_text, 'seen', digits(now_ms), 'grace', digits(grace))

-- Those that are to be handed out alone wake nobody: who holds something could not take them. Who holds nothing looks
-- once a second. There may be more of them than were looked at, so a take that found nothing else leaves nothing.
local more = cursor < last
if not more and (overdue_left or due_left) and (left_takeable or count + #forget > 0) then
  local ready = redis.call('ZCOUNT', delayed, '-inf', digits(now_ms))
  if grace == 0 then ready = ready + redis.call('ZCOUNT', leases, '-inf', digits(now_ms)) end
  more = ready > left_alone
end
tell_idle(group, idle, wake, more)
local outcome = {epoch_text}
for i = 1, count do outcome[i + 1] = taken[3 * i - 2] end
remember(record, table.concat(outcome, ' '))

for _, entry in ipairs(refused) do
  redis.pcall('PUBLISH', channel, '{"event_id": ' .. entry[1] .. ', "status": "ERROR", "worker_id": ' ..
              cjson.encode(worker) .. '}')
end
return {'OK', gen, top or 0, note and 1 or 0, epoch, more and 1 or 0, expired, refused, taken, alone and 1 or 0,
        left_alone > 0 and 1 or 0}
