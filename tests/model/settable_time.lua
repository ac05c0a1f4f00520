-- In place of the line of shared/time.lua that asks for the server's clock: a clock that a test sets (µs, in the key
-- model:now). Expiry follows it: what is older than that goes at the start of each call, as Redis itself would have it.
local server = redis
local clock_us = server.call('GET', 'model:now')
local clock = {math.floor(clock_us / 1000000), clock_us % 1000000}
local clock_ms = math.floor(clock_us / 1000)
for _, key in ipairs(server.call('ZRANGEBYSCORE', 'model:expiring', '-inf', '(' .. string.format('%.0f', clock_ms))) do
  local at = server.call('PEXPIRETIME', key)
  if at >= 0 and at < clock_ms then server.call('DEL', key) end
  server.call('ZREM', 'model:expiring', key)
end
local function with_settable_time(call)
  return function(command, key, ...)
    if command == 'PTTL' then
      local at = server.call('PEXPIRETIME', key)
      return at < 0 and at or at - clock_ms
    elseif command == 'PEXPIREAT' then
      server.call('ZADD', 'model:expiring', ..., key)
    elseif command == 'TIME' or command == 'TTL' or command == 'EXPIRE' or command == 'PEXPIRE' or command == 'EXPIREAT' then
      error('the model knows no ' .. command)
    end
    return call(command, key, ...)
  end
end
local redis = setmetatable({call = with_settable_time(server.call), pcall = with_settable_time(server.pcall)},
                           {__index = server})
