-- Whether Redis itself was away. `seen` is when anybody last worked on this type (ms). After more than 5 s of nothing
-- leases that ran out meanwhile are left alone for 1.5 s: their owners may be on their way back to renew them.
-- The end of that grace, 0 for none; and what to write into meta.
local function grace_until(seen, grace)
  seen, grace = whole(seen), whole(grace) or 0
  if seen and now_ms - seen > 5000 then return now_ms + 1500 end
  return grace > now_ms and grace <= now_ms + 1500 and grace or 0
end
