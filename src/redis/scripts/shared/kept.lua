-- Events that live longer than their publisher's TTL though they are neither dead, delayed nor leased: those that were
-- retried. meta's field `kept` says the oldest one's created_at, us, and until when, ms, the last of them may live; so
-- long counts begin there.

local kept_us, kept_until = nil, 0

-- Takes the field up, unless its time is over or it is somebody's own.
local function read_kept(text)
  local us, till = string.match(text or '', '^(%d+) (%d+)$')
  if us and tonumber(till) > now_ms then kept_us, kept_until = tonumber(us), tonumber(till) end
  return kept_us
end

-- This event, with its index score, lives for so many ms from now.
local function keep_in_counts(at, ms)
  kept_us, kept_until = math.min(kept_us or micros(at), micros(at)), math.max(kept_until, now_ms + ms)
end

local function kept_text() return digits(kept_us) .. ' ' .. digits(kept_until) end
