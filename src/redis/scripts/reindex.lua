-- Puts entries that the index lacks back into it, for each event whose hash is there: a part, the newest ids first.
--
-- KEYS  1 meta  2 counter  3 index
-- ARGV  1 start of event keys  2 most ids to look at
-- Reply {gen, top, 1 if more ids are to be looked at}
-- Cost  per id its share of one EXISTS; where any of a call's ids is there, also an HSTRLEN and an HGET each and their
--       share of one ZADD. About 5 commands where the index lacks nothing.
--
-- Ends at meta's field `floor`: the clean-up saw that no event up to it was left. An event that does not say when it was
-- made stands just before the next one, so that times rise with ids.
--@include shared/time.lua
--@include shared/iso8601.lua
--@include shared/fields.lua
--@include shared/last_id.lua
--@include shared/indexed.lua

local meta, counter, index = unpack(KEYS)
local events, budget = ARGV[1], tonumber(ARGV[2])

local known = redis.call('HMGET', meta, 'gen', 'top', 'us', 'indexed', 'floor', 'reindex')
local gen, top, floor = known[1] or '', whole(known[2]), whole(known[5]) or 0
local last, card = last_id(redis.call('GET', counter), top), redis.call('ZCARD', index)
if not lacks_entries(card, known[4], known[6], last) then return {gen, top or 0, 0} end

local id, above = string.match(known[6] or '', '^(%d+) (%d+)$')
id, above = whole(id), whole(above)
if not id or not above or card < (whole(known[4]) or card + 1) then  -- begins, or begins again
  id, above = last, math.max(whole(known[3]) or 0, now_us) + 1
end
id = math.min(id, last)
local lowest = math.max(id - budget, floor) + 1
local keys, ids, entries = {}, {}, {}
for n = id, lowest, -1 do
  ids[#ids + 1] = digits(n)
  keys[#keys + 1] = events .. ids[#ids]
end
if #keys > 0 and redis.call('EXISTS', unpack(keys)) > 0 then
  for i, key in ipairs(keys) do
    local created = short_field(key, 'created_at', 64)
    if created or redis.call('EXISTS', key) == 1 then
      local us = created and iso_micros(created)
      above = us and us < above and us or above - 1
      entries[#entries + 1], entries[#entries + 2] = score(above), ids[i]
    end
  end
end

redis.call('PERSIST', index)
for first = 1, #entries, 4000 do
  card = card + redis.call('ZADD', index, 'NX', unpack(entries, first, math.min(first + 3999, #entries)))
end
redis.call('HSET', meta, 'indexed', digits(card))
local more = lowest > floor + 1
if more then
  redis.call('HSET', meta, 'reindex', digits(lowest - 1) .. ' ' .. digits(above))
else
  redis.call('HDEL', meta, 'reindex')
end
return {gen, top or 0, more and 1 or 0}
