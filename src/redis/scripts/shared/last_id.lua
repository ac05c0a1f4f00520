-- The last id that exists, from the counter and from what our scripts last gave (`top`, nil when unknown). A counter
-- that is missing, went back, or jumped further than anybody could have published is not believed.
local function last_id(given, top)
  given = whole(given)
  if not given then return top or 0 end
  if top and (given < top or given > top + 1000000) then return top end
  return given
end
