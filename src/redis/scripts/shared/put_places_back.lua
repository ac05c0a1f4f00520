-- What is missing in a group's `leases`, `delayed` or `open` (see places.lua) comes back: a part, with the next call another.
-- What was leased runs out a whole lease from now, so that whoever has it can renew; what was delayed is due.
local function put_places_back(group, groups, index, events, lease, leases, held, delayed, open)
  local part = 500
  local cursor, rank = string.match(redis.call('HGET', groups, group .. ':places') or '', '^(%d+) (%d+)$')
  local function open_again(id) redis.call('ZADD', open, score_of(index, events .. id, id), id) end
  local page = redis.call('HSCAN', held, cursor or '0', 'COUNT', part)
  for i = 1, #page[2], 2 do
    local id, epoch = page[2][i], parse_held(page[2][i + 1])
    if not whole(id) or redis.call('ZSCORE', leases, id) or redis.call('ZSCORE', delayed, id) then
      -- It has its place, or is somebody's own.
    elseif epoch > 0 then
      redis.call('ZADD', leases, digits(now_ms + lease), id)
    else
      redis.call('ZADD', delayed, 0, id)
      open_again(id)
    end
  end
  local from = whole(rank) or 0
  local ids = redis.call('ZRANGE', open, digits(from), digits(from + part - 1))
  for _, id in ipairs(ids) do redis.call('ZADD', delayed, 'NX', 0, id) end
  local others = redis.call('ZRANGE', delayed, digits(from), digits(from + part - 1))
  for _, id in ipairs(others) do
    if not redis.call('ZSCORE', open, id) then open_again(id) end
  end
  local next_rank = math.max(#ids, #others) == part and from + part or 0
  if page[1] == '0' and next_rank == 0 then
    redis.call('HDEL', groups, group .. ':places')
  else
    redis.call('HSET', groups, group .. ':places', page[1] .. ' ' .. digits(next_rank))
  end
end
