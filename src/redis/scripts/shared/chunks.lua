-- One variadic command over any number of arguments: Lua's unpack ends at 8,000. `width` arguments belong together.
-- Returns the sum of the replies.
local function chunked(command, key, arguments, width)
  local sum, step = 0, 4000 - 4000 % (width or 1)
  for first = 1, #arguments, step do
    sum = sum + redis.call(command, key, unpack(arguments, first, math.min(first + step - 1, #arguments)))
  end
  return sum
end
