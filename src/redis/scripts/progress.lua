-- Writes how far a handler is into its event.
--
-- KEYS  1 meta  2 index  3 held
-- ARGV  1 id  2 epoch  3 text: 'fraction note'  4 start of event keys
-- Reply {gen, top, '1' or '0': whether the event is still held}
-- Cost  O(1)
--@include shared/time.lua
--@include shared/iso8601.lua
--@include shared/held.lua
--@include shared/give_up.lua

local meta, index, held = unpack(KEYS)
local known = redis.call('HMGET', meta, 'gen', 'top')
local epoch = parse_held(redis.call('HGET', held, ARGV[1]))
local is_held = epoch ~= 0 and epoch == tonumber(ARGV[2])
if is_held then
  redis.call('PERSIST', index)
  set_fields(ARGV[4] .. ARGV[1], 1, 'progress', ARGV[3])
end
return {known[1] or '', tonumber(known[2] or nil) or 0, is_held and '1' or '0'}
