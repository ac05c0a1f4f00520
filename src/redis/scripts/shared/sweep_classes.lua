-- meta's field `sweep`: 'ttl:pointer ttl:pointer ...', one for each TTL (ms) that publishers use. Index entries up to the
-- pointer (us) were looked at after they were older than the TTL.
local function parse_classes(text)
  local classes = {}
  for ttl, pointer in string.gmatch(text, '(%d+):(%d+)') do
    classes[#classes + 1] = {ttl = tonumber(ttl), pointer = tonumber(pointer)}
  end
  return classes
end

local function write_classes(classes)
  local words = {}
  for i, class in ipairs(classes) do words[i] = digits(class.ttl) .. ':' .. digits(class.pointer) end
  return table.concat(words, ' ')
end

-- At most 16: another TTL is covered by the next larger one, or makes the largest one larger.
local function add_class(text, ttl, pointer)
  local classes = parse_classes(text)
  if #classes < 16 then
    classes[#classes + 1] = {ttl = ttl, pointer = pointer}
  else
    table.sort(classes, function(a, b) return a.ttl < b.ttl end)
    classes[16].ttl = math.max(classes[16].ttl, ttl)
  end
  return write_classes(classes)
end
