-- The server's clock, the same all through one call: now_us, now_ms; and what is made of times.
if redis.replicate_commands then redis.replicate_commands() end
local clock = redis.call('TIME')
local now_us = clock[1] * 1000000 + clock[2]
local now_ms = math.floor(now_us / 1000)

-- Whole numbers as text: `..` writes 1.76e+15 from 15 digits on. '%d' takes half the time of '%.0f', and may be a C long of
-- 32 bits.
local function digits(number) return string.format(number < 2147483648 and '%d' or '%.0f', number) end

-- A number that somebody may have edited: nil unless it is whole and from 0 to 2^52.
local function whole(text)
  local number = tonumber(text or nil)
  if number and number >= 0 and number <= 4503599627370496 and number == math.floor(number) then return number end
end

-- µs since 1970 to a score of the index (seconds, as text that Redis reads back exactly), and back.
local function score(us) return string.format('%.0f.%06.0f', math.floor(us / 1000000), us % 1000000) end
local function micros(seconds) return math.floor(tonumber(seconds) * 1000000 + 0.5) end
