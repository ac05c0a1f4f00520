-- Takes events whose hash expired out of the index and all sets, and counts those that a group had yet to process.
--
-- KEYS  1 meta  2 index  3 groups  4 counter
-- ARGV  1 start of event keys  2 start of dead sets  3 of open sets  4 of delayed sets  5 of held hashes  6 most entries
--       to look at for each TTL
-- Reply {gen, top, 1 if more entries wait to be looked at, 1 if the index lacks some (see reindex)}
-- Cost  0.5 us per entry by variadic EXISTS and ZREM; about 10 commands where there is nothing to do
--
-- For each TTL in use a pointer rises through the index, so that an entry is looked at once when it is older than that.
-- What is still there then (given up later, delayed, extended) is looked at in turns, a few per call.
--@include shared/time.lua
--@include shared/groups.lua
--@include shared/chunks.lua
--@include shared/sweep_classes.lua
--@include shared/last_id.lua
--@include shared/indexed.lua

local meta, index, groups, counter = unpack(KEYS)
local events, dead, open, delayed, held, budget = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local few = 20

local known = redis.call('HMGET', meta, 'gen', 'top', 'sweep', 'look', 'indexed', 'floor', 'reindex')
local last = last_id(redis.call('GET', counter), whole(known[2]))
redis.call('ZCARD', index)
local list = all_groups(groups)
local sets = {}
for i, group in ipairs(list) do
  sets[i] = {
    dead = redis.call('ZCARD', dead .. group.name) > 0,
    open = redis.call('ZCARD', open .. group.name) > 0,
    delayed = redis.call('ZCARD', delayed .. group.name) > 0,
  }
end

-- Appends to `gone` those of the ids whose hash is gone.
local function find_gone(ids, from, to, gone)
  local keys = {}
  for i = from, to do keys[#keys + 1] = events .. ids[i] end
  local there = redis.call('EXISTS', unpack(keys))
  if there == 0 then
    for i = from, to do gone[#gone + 1] = ids[i] end
  elseif there < #keys then
    local middle = math.floor((from + to) / 2)
    find_gone(ids, from, middle, gone)
    find_gone(ids, middle + 1, to, gone)
  end
end

local removed = 0  -- from the index

local function remove(gone)
  if #gone == 0 then return end
  removed = removed + chunked('ZREM', index, gone)
  for i, group in ipairs(list) do
    if sets[i].dead then chunked('ZREM', dead .. group.name, gone) end
    if sets[i].open then chunked('ZREM', open .. group.name, gone) end
    local expired = 0
    for n = 1, sets[i].delayed and #gone or 0 do
      if redis.call('ZREM', delayed .. group.name, gone[n]) == 1 then
        redis.call('HDEL', held .. group.name, gone[n])
        expired = expired + 1
      end
    end
    if expired > 0 then redis.call('HINCRBY', groups, group.name .. ':expired', expired) end
  end
end

-- Looks at up to `most` entries of the set with from < score <= to. Returns how many there were, how many of them are
-- gone, and the last one's time.
local function look(set, from, to, most)
  local flat = redis.call('ZRANGEBYSCORE', set, '(' .. score(from), to, 'WITHSCORES', 'LIMIT', 0, most)
  local ids, gone = {}, {}
  for i = 1, #flat, 2 do ids[#ids + 1] = flat[i] end
  if #ids == 0 then return 0, 0, from end
  find_gone(ids, 1, #ids, gone)
  remove(gone)
  return #ids, #gone, micros(flat[#flat])
end

-- In turns: goes on behind `pointer`, from the beginning again after the end. Much is gone: looks at more.
local function look_in_turn(set, pointer, to)
  for _ = 1, 10 do
    local count, gone
    count, gone, pointer = look(set, pointer, to, few)
    if count < few then return 0 end
    if gone * 2 < count then break end
  end
  return pointer
end

redis.call('PERSIST', index)
local classes, more, longest = parse_classes(known[3] or ''), false, nil
for _, class in ipairs(classes) do
  local limit = now_us - class.ttl * 1000 - 10000
  if limit > class.pointer then
    local count, _, last = look(index, class.pointer, score(limit), budget)
    more = more or count == budget
    class.pointer = count == budget and last or limit
  end
  if not longest or class.ttl > longest.ttl then longest = class end
end
local pointer = look_in_turn(index, tonumber(known[4] or nil) or 0, longest and score(longest.pointer) or '+inf')
if known[1] then redis.call('HSET', meta, 'sweep', write_classes(classes), 'look', digits(pointer)) end
for i, group in ipairs(list) do
  if sets[i].dead or sets[i].open then
    local field = group.name .. ':look'
    local from_dead, from_open = string.match(redis.call('HGET', groups, field) or '', '^(%d+) (%d+)$')
    local dead_pointer = look_in_turn(dead .. group.name, tonumber(from_dead or nil) or 0, '+inf')
    local open_pointer = look_in_turn(open .. group.name, tonumber(from_open or nil) or 0, '+inf')
    redis.call('HSET', groups, field, digits(dead_pointer) .. ' ' .. digits(open_pointer))
  end
end
count_indexed(meta, known[5], -removed)
local card, indexed = redis.call('ZCARD', index), redis.call('HGET', meta, 'indexed')
local lacking = lacks_entries(card, indexed, known[7], last)
if not lacking and known[1] then
  -- What is in no index is gone, so nothing is left before the first one (of several: one may be somebody's own). Entries
  -- that somebody else added count from now on.
  local floor = last
  for _, id in ipairs(redis.call('ZRANGE', index, 0, few - 1)) do floor = math.min(floor, (whole(id) or 1) - 1) end
  if floor > (whole(known[6]) or 0) then redis.call('HSET', meta, 'floor', digits(floor)) end
  if whole(indexed) and card > whole(indexed) then redis.call('HSET', meta, 'indexed', digits(card)) end
end
return {known[1] or '', tonumber(known[2] or nil) or 0, more and 1 or 0, lacking and 1 or 0}
