-- The failed attempts of an event stand in its field `failures`: a JSON array, oldest first, of the last 20. An entry:
-- {"attempt", "at" (ISO 8601), "group", "worker", "error" (up to 500 bytes)}. A lost lease is one of them.

local most_failures_bytes = 262144  -- ours are smaller, whatever their errors say

local function shortened(text)
  if #text <= 500 then return text end
  local last = 500  -- at the end of a character
  while last > 0 and string.find(text, '^[\128-\191]', last + 1) do last = last - 1 end
  return string.sub(text, 1, last) .. '...'
end

-- The entries; none when there is no field, or somebody's own.
local function parse_failures(text)
  local parsed, value = pcall(cjson.decode, text or '')
  return parsed and type(value) == 'table' and type(value[1]) == 'table' and value or {}
end

-- The group of the last failed attempt, nil when unknown.
local function who_failed_last(text)
  local list = parse_failures(text)
  return #list > 0 and list[#list].group or nil
end

-- The field with one more entry; it is not written.
local function with_failure(key, attempt, group, worker, reason)
  local list = parse_failures(short_field(key, 'failures', most_failures_bytes))
  while #list >= 20 do table.remove(list, 1) end
  local at = iso_seconds(math.floor(now_us / 1000000)) .. string.format('.%06d+00:00', now_us % 1000000)
  list[#list + 1] = {attempt = attempt, at = at, group = group, worker = worker, error = shortened(reason)}
  local encoded, text = pcall(cjson.encode, list)
  return encoded and text or '[]'
end
