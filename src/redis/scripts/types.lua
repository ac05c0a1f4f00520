-- What stands under some keys and under the keys of all groups, for messages about wrong types.
--
-- KEYS  1 groups  2... any
-- ARGV  starts of keys, to which the groups' names are added
-- Reply key and type ('none' where there is nothing) of each
-- Cost  O(keys + groups)
local types = {}
local function add(key)
  types[#types + 1], types[#types + 2] = key, redis.call('TYPE', key).ok
end
for _, key in ipairs(KEYS) do add(key) end
if types[2] == 'hash' then
  for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
    if not string.find(name, ':', 1, true) then
      for _, start in ipairs(ARGV) do add(start .. name) end
    end
  end
end
return types
