#include "time_words.hpp"

#include <array>
#include <charconv>
#include <cstdint>

namespace eventy::cli {

namespace {

struct Unit {
    std::string_view name;
    std::int64_t ms;
};
// Longer names first where one begins another.
constexpr std::array<Unit, 5> units{{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::int64_t longest = std::int64_t{200} * 366 * 86'400'000;

const Unit* unit_at(std::string_view text) {
    for (const Unit& unit : units) {
        if (text.starts_with(unit.name)) {
            return &unit;
        }
    }
    return nullptr;
}

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
    if (text.empty()) {
        return std::nullopt;
    }
    std::int64_t total = 0;
    while (!text.empty()) {
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc() || number < 0) {
            return std::nullopt;
        }
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        const Unit* const unit = unit_at(text);
        if (unit == nullptr || number > longest / unit->ms) {
            return std::nullopt;
        }
        text.remove_prefix(unit->name.size());
        total += number * unit->ms;
        if (total > longest) {
            return std::nullopt;
        }
    }
    return milliseconds(total);
}

std::optional<Timestamp> parse_time(std::string_view text, Timestamp now) {
    if (text == "now") {
        return now;
    }
    if (text.starts_with('-') || text.starts_with('+')) {
        const auto distance = parse_duration(text.substr(1));
        if (!distance) {
            return std::nullopt;
        }
        return text[0] == '-' ? now - *distance : now + *distance;
    }
    if (text.size() == std::string_view("2018-02-07").size()) {
        return parse_timestamp(std::string(text) + "T00:00:00Z");
    }
    return parse_timestamp(text);
}

std::string to_words(milliseconds duration) {
    const std::int64_t ms = duration.count();
    if (ms < 0) {
        return "-" + to_words(-duration);
    }
    if (ms < 1000) {
        return std::to_string(ms) + "ms";
    }
    if (ms < 60'000) {
        return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + "s";
    }
    const auto pair = [](std::int64_t major, const char* major_name, std::int64_t minor, const char* minor_name) {
        return std::to_string(major) + major_name +
               (minor > 0 ? " " + std::to_string(minor) + minor_name : std::string());
    };
    const std::int64_t seconds = ms / 1000;
    if (seconds < 3600) {
        return pair(seconds / 60, "m", seconds % 60, "s");
    }
    if (seconds < 86'400) {
        return pair(seconds / 3600, "h", seconds % 3600 / 60, "m");
    }
    return pair(seconds / 86'400, "d", seconds % 86'400 / 3600, "h");
}

}  // namespace eventy::cli
