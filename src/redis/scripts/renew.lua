-- Lengthens leases; never shortens one.
--
-- KEYS  1 meta  2 index  3 leases  4 held
-- ARGV  1 lease from now, ms  2 start of event keys  3... id and epoch of each lease
-- Reply {gen, top, one '1' or '0' per lease: whether it is still held}
-- Cost  per lease a ZSCORE, a PTTL and its share of one HMGET and one ZADD
--
-- Applying it twice does no harm. An event whose hash would expire within two leases is kept for two leases from now.
--@include shared/time.lua
--@include shared/presence.lua
--@include shared/held.lua

local meta, index, leases, held = unpack(KEYS)
local lease, events = tonumber(ARGV[1]), ARGV[2]

local known = redis.call('HMGET', meta, 'gen', 'top', 'seen', 'grace')
redis.call('ZCARD', index)
local ids = {}
for i = 3, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
local texts = redis.call('HMGET', held, unpack(ids))
local ends, flags, keys = {}, {}, {}
for i, id in ipairs(ids) do
  local epoch = parse_held(texts[i])
  if epoch ~= 0 and epoch == tonumber(ARGV[i * 2 + 2]) then
    flags[i] = '1'
    local present = tonumber(redis.call('ZSCORE', leases, id) or nil) or 0
    ends[#ends + 1], ends[#ends + 2] = digits(math.max(present, now_ms + lease)), id
    keys[#keys + 1] = events .. id
  else
    flags[i] = '0'
  end
end

redis.call('PERSIST', index)
if #ends > 0 then redis.call('ZADD', leases, unpack(ends)) end
for _, key in ipairs(keys) do
  local left = redis.call('PTTL', key)
  if left >= 0 and left < 2 * lease then redis.call('PEXPIREAT', key, digits(now_ms + 2 * lease)) end
end
redis.call('HSET', meta, 'seen', digits(now_ms), 'grace', digits(grace_until(known[3], known[4])))
return {known[1] or '', tonumber(known[2] or nil) or 0, table.concat(flags)}
