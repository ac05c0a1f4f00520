-- Ends subscribers at once.
--
-- KEYS  1 workers
-- ARGV  1 start of subscriber keys  2... ids
-- Reply how many of them were there
-- Cost  O(ids)
local removed = 0
for i = 2, #ARGV do
  redis.call('DEL', ARGV[1] .. ARGV[i])
  removed = removed + redis.call('ZREM', KEYS[1], ARGV[i])
end
return removed
