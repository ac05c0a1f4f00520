-- Puts a marker back that came for nobody.
--
-- KEYS  1 wake list
-- Reply 1 if it was put back, 0 if there is one already
-- Cost  O(1)
if redis.call('LLEN', KEYS[1]) > 0 then return 0 end
redis.call('RPUSH', KEYS[1], '1')
return 1
