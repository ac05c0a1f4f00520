-- Reads events by id.
--
-- KEYS  1 meta  2 groups  3 index
-- ARGV  1 start of event keys  2 start of leases sets  3 of open sets  4 of dead sets  5 most bytes of one event
--       6 most bytes of a reply (the first event may be larger)  7... ids
-- Reply {gen, top, events}: for each id, as far as the reply reaches, {} when it is gone, else {status, why there is no
--       payload or '', {payload, created_at, worker_id, key, headers, error, handled, failures}}
-- Cost  two commands per event, and up to three per group; writes nothing
--@include shared/time.lua
--@include shared/iso8601.lua
--@include shared/groups.lua
--@include shared/truth.lua
--@include shared/fields.lua
--@include shared/read_event.lua

local events, most, most_reply = ARGV[1], tonumber(ARGV[5]), tonumber(ARGV[6])
local known = redis.call('HMGET', KEYS[1], 'gen', 'top')
local list = all_groups(KEYS[2])
for _, group in ipairs(list) do open_group(group, ARGV[2], ARGV[3], ARGV[4]) end

local found, bytes = {}, 0
for i = 7, #ARGV do
  local id = ARGV[i]
  local fields, reason, size = read_event(events .. id, most, function()
    local at = redis.call('ZSCORE', KEYS[3], id)
    return at and micros(at)
  end)
  if fields and bytes > 0 and bytes + size > most_reply then break end
  bytes = bytes + (size or 0)
  found[#found + 1] = fields and {overall_status(list, id), reason, fields} or {}
end
return {known[1] or '', tonumber(known[2] or nil) or 0, found}
