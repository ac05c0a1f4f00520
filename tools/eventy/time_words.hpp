// Durations and points in time as people write them.
#pragma once
#include <eventy/timestamp.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace eventy::cli {

/// `500ms`, `10s`, `15m`, `2h`, `1d` or several in a row (`1h30m`). Whole numbers; anything else: nullopt.
std::optional<milliseconds> parse_duration(std::string_view);

/// ISO 8601 (`2018-02-07T01:26:41Z`, also the date alone: its beginning, UTC), `now`, or a duration before or after
/// now: `-15m`, `+1h`.
std::optional<Timestamp> parse_time(std::string_view, Timestamp now);

/// The two largest units that say something: `1d 3h`, `12m 5s`, `3.2s`, `40ms`.
std::string to_words(milliseconds);

}  // namespace eventy::cli
