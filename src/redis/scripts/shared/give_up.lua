-- ERROR for one group: into `dead` by index score, the reason into the hash where it is one.

-- Index score of an event: from the index, else from its created_at, else now.
local function score_of(index, key, id)
  local known = redis.call('ZSCORE', index, id)
  if known then return score(micros(known)) end
  local created = short_field(key, 'created_at', 64)
  return score(created and iso_micros(created) or now_us)
end

-- Whatever key stands there gets a TTL; an event is kept for at least `ttl` ms from now.
local function keep_for(key, ttl)
  local left = redis.call('PTTL', key)
  if left == -1 or (left >= 0 and left < ttl) then redis.call('PEXPIREAT', key, digits(now_ms + ttl)) end
end

-- HSET of so many fields on an event whose hash may be gone meanwhile: it is not made anew (HSET's own reply says whether
-- all the fields were new). Returns false when it was gone. A key that somebody made something else of is left as it is.
local function set_fields(key, count, ...)
  if redis.pcall('HSET', key, ...) == count and redis.call('HLEN', key) == count then
    redis.call('DEL', key)
    return false
  end
  return true
end
