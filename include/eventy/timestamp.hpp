// A point in time as Eventy stores it: UTC, microseconds.
#pragma once
#include <chrono>
#include <concepts>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace eventy {

using std::chrono::milliseconds;

/// UTC in whole microseconds since 1970. Made from any `sys_time` (floored) and converts back to every `sys_time` that
/// is at least as fine. In JSON and on the wire it is ISO 8601 text.
class Timestamp {
public:
    using duration = std::chrono::microseconds;
    using time_point = std::chrono::sys_time<duration>;

    constexpr Timestamp() = default;
    template <class D>
    constexpr Timestamp(std::chrono::sys_time<D> t) : time_(std::chrono::floor<duration>(t)) {}
    template <class D>
    requires std::convertible_to<time_point, std::chrono::sys_time<D>>
    constexpr operator std::chrono::sys_time<D>() const {
        return time_;
    }

    friend constexpr auto operator<=>(Timestamp, Timestamp) = default;
    /// Writes `to_string(t)`.
    friend std::ostream& operator<<(std::ostream&, Timestamp);
    friend constexpr Timestamp operator+(Timestamp t, duration d) { return t.time_ + d; }
    friend constexpr Timestamp operator-(Timestamp t, duration d) { return t.time_ - d; }
    friend constexpr duration operator-(Timestamp a, Timestamp b) { return a.time_ - b.time_; }

private:
    time_point time_{};
};

/// The system clock of this machine. Redis's own clock stamps the events; see `QueueEvent::created_at`.
Timestamp now();

/// `2018-02-07T01:26:41.030000+00:00`: ISO 8601, always six digits and UTC, as Python's `isoformat()` writes it. Years
/// outside 0 to 9999 get a sign and six digits.
std::string to_string(Timestamp);

/// Reads ISO 8601: date and time to the second, 'T' or a space between them, up to 9 digits of fraction (floored to
/// microseconds), `Z` or an offset such as `+02:00`; without one it is UTC. Reads all that `to_string` writes. Anything
/// else, or a date that does not exist: nullopt.
std::optional<Timestamp> parse_timestamp(std::string_view);

namespace detail {
[[noreturn]] void throw_bad_timestamp(std::string_view text);
[[noreturn]] void throw_no_timestamp(const char* type_name);
}  // namespace detail

template <class J>
void to_json(J& j, const Timestamp& t) {
    j = to_string(t);
}

/// Throws `SerializationError` when the value is no string with an ISO 8601 time in it.
template <class J>
void from_json(const J& j, Timestamp& t) {
    const auto* text = j.template get_ptr<const typename J::string_t*>();
    if (text == nullptr) {
        detail::throw_no_timestamp(j.type_name());
    }
    const auto parsed = parse_timestamp(*text);
    if (!parsed) {
        detail::throw_bad_timestamp(*text);
    }
    t = *parsed;
}

}  // namespace eventy
