-- ISO 8601 in UTC. Days and dates after Howard Hinnant's "chrono-compatible low-level date algorithms".

-- '2018-02-07T01:26:41' of whole seconds since 1970.
local function iso_seconds(seconds)
  local floor = math.floor
  local days = floor(seconds / 86400)
  local rest = seconds - days * 86400
  local shifted = days + 719468
  local era = floor(shifted / 146097)
  local day = shifted - era * 146097
  local year = floor((day - floor(day / 1460) + floor(day / 36524) - floor(day / 146096)) / 365)
  day = day - (365 * year + floor(year / 4) - floor(year / 100))
  local month = floor((5 * day + 2) / 153)
  day = day - floor((153 * month + 2) / 5) + 1
  month = month < 10 and month + 3 or month - 9
  year = year + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d', year, month, day, floor(rest / 3600), floor(rest / 60) % 60,
                       rest % 60)
end

-- µs since 1970 of what our publish wrote into `created_at`; nil for anything else.
local function iso_micros(text)
  local floor = math.floor
  local year, month, day, hour, minute, second, fraction =
    string.match(text or '', '^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)%.(%d%d%d%d%d%d)%+00:00$')
  if not year then return nil end
  year, month = year - (tonumber(month) <= 2 and 1 or 0), (month + 9) % 12
  local era = floor(year / 400)
  local of_era = year - era * 400
  local days = era * 146097 + of_era * 365 + floor(of_era / 4) - floor(of_era / 100) + floor((153 * month + 2) / 5) +
               day - 719469
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000000 + fraction
end
