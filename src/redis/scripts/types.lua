-- What stands under some keys, for messages about wrong types.
--
-- KEYS  any
-- Reply the type of each ('none' where there is nothing)
-- Cost  O(keys)
local types = {}
for i, key in ipairs(KEYS) do types[i] = redis.call('TYPE', key).ok end
return types
