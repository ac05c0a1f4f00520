// How long to rest before the next try to connect.
#pragma once
#include <algorithm>
#include <chrono>

namespace eventy::redis {

/// The most that a client rests while a server that is down may be back at any moment.
inline constexpr std::chrono::milliseconds longest_backoff{250};

/// A moment in the second half of the time; `random` in [0, 1).
inline std::chrono::microseconds second_half(std::chrono::microseconds time, double random) {
    const double half = static_cast<double>(time.count()) / 2;
    return std::chrono::microseconds(static_cast<std::int64_t>(half + half * std::clamp(random, 0.0, 1.0)));
}

/// `failures` in a row, the last one included; `random` in [0, 1) spreads many clients over the second half of the
/// time, which doubles from 10 ms to the longest.
inline std::chrono::microseconds backoff(int failures, double random) {
    constexpr std::chrono::microseconds shortest = std::chrono::milliseconds(10);
    const auto doublings = std::clamp(failures - 1, 0, 10);
    const auto most = std::min<std::chrono::microseconds>(shortest * (1 << doublings), longest_backoff);
    return second_half(most, random);
}

/// The rest after a failure that time alone does not mend, such as a wrong password: somebody may still mend it.
inline std::chrono::microseconds slow_backoff(double random) { return second_half(std::chrono::seconds(1), random); }

}  // namespace eventy::redis
