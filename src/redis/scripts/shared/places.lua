-- Whether somebody deleted a group's `leases`, `delayed` or `open`, or some of their ids: `held` has what is leased, and
-- what is delayed with a history; `open` has the same ids as `delayed`.
local function lacks_places(leases, held, delayed, open)
  local count = redis.call('ZCARD', delayed)
  return redis.call('ZCARD', open) ~= count or redis.call('HLEN', held) > redis.call('ZCARD', leases) + count
end
