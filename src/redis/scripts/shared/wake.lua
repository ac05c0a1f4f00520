-- Tells idle workers of a group whether there is something to take: at most one marker in the list.
local function tell_idle(group, idle, list, takeable)
  local marked = redis.call('LLEN', list) > 0
  if takeable then
    if not marked then redis.call('RPUSH', list, '1') end
    redis.call('SREM', idle, group)
  else
    if marked then redis.call('DEL', list) end
    redis.call('SADD', idle, group)
  end
end
