-- The groups hash: name -> 'cursor cursor_us start rebuilt_until'; counts stand in fields with a ':' in their names.

-- cursor, cursor_us, start, rebuilt_until; nothing when the text is missing or somebody's own.
local function parse_group(text)
  local cursor, us, start, rebuilt = string.match(text or '', '^(%d+) (%d+) (%d+) (%d+)$')
  if cursor then return tonumber(cursor), tonumber(us), tonumber(start), tonumber(rebuilt) end
end

-- All groups: {name, cursor, us, rebuilt, expired} each.
local function all_groups(key)
  local flat, list, expired = redis.call('HGETALL', key), {}, {}
  for i = 1, #flat, 2 do
    local name = flat[i]
    local counted = string.match(name, '^(.*):expired$')
    if counted then
      expired[counted] = whole(flat[i + 1])
    elseif not string.find(name, ':', 1, true) then
      local cursor, us, _, rebuilt = parse_group(flat[i + 1])
      if cursor then list[#list + 1] = {name = name, cursor = cursor, us = us, rebuilt = rebuilt} end
    end
  end
  for _, group in ipairs(list) do group.expired = expired[group.name] or 0 end
  return list
end
