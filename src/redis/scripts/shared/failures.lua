-- The failed attempts of an event stand in its field `failures`: a JSON array, oldest first, of the last 20. An entry:
-- {"attempt", "at" (ISO 8601), "group", "worker", "error" (up to 500 bytes)}. A lost lease is one of them.

local function shortened(text)
  if #text <= 500 then return text end
  local last = 500  -- at the end of a character
  while last > 0 and string.find(text, '^[\128-\191]', last + 1) do last = last - 1 end
  return string.sub(text, 1, last) .. '...'
end

-- The field with one more entry; it is not written.
local function with_failure(key, attempt, group, worker, reason)
  local known, list = redis.pcall('HGET', key, 'failures'), nil
  if type(known) == 'string' then
    local parsed, value = pcall(cjson.decode, known)
    list = parsed and type(value) == 'table' and value[1] and value or nil
  end
  list = list or {}
  while #list >= 20 do table.remove(list, 1) end
  local at = iso_seconds(math.floor(now_us / 1000000)) .. string.format('.%06d+00:00', now_us % 1000000)
  list[#list + 1] = {attempt = attempt, at = at, group = group, worker = worker, error = shortened(reason)}
  local encoded, text = pcall(cjson.encode, list)
  return encoded and text or '[]'
end
