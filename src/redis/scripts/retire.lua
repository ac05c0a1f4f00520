-- Ends a client id: what was applied of its unanswered calls, and nothing of it is ever applied again.
--
-- KEYS  1 the client's call record
-- ARGV  1 TTL of the call record, ms  2... call numbers that have no answer yet
-- Reply for each of them its stored outcome, or nil where it was not applied
-- Cost  O(1)
--
-- Applying it twice does no harm: outcomes stay readable until the record expires.
--@include shared/time.lua

local record = KEYS[1]
local outcomes = {}
for i = 2, #ARGV do
  local saved = redis.call('HGET', record, 'r' .. ARGV[i] % 8)
  local of, outcome = string.match(saved or '', '^(%d+) (.*)$')
  outcomes[i - 1] = of == ARGV[i] and outcome or false
end
redis.call('PERSIST', record)  -- needs no memory: see the rule in settle.lua
redis.call('HSET', record, 'last', '9007199254740992')
redis.call('PEXPIREAT', record, digits(now_ms + ARGV[1]))
return outcomes
