-- The held hash: id -> 'epoch attempt lost taken_ms worker', of what is leased, or delayed with a history (epoch 0).

-- epoch, attempt, lost leases, worker; 0, 1, 0, '' where there is no history.
local function parse_held(text)
  local epoch, attempt, lost, worker = string.match(text or '', '^(%d+) (%d+) (%d+) %d+ (.*)$')
  if not epoch then return 0, 1, 0, '' end
  return tonumber(epoch), tonumber(attempt), tonumber(lost), worker
end
