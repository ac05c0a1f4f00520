// The end of a wait whose length a user chose.
#pragma once
#include <algorithm>
#include <chrono>
#include <eventy/timestamp.hpp>

namespace eventy::detail {

/// So long from now; now where it is negative. `milliseconds::max()` is no time that a clock can say: whatever is
/// longer than 100 years counts as 100 years.
inline std::chrono::steady_clock::time_point time_after(milliseconds wait) {
    constexpr milliseconds longest = std::chrono::hours(24) * 365 * 100;
    return std::chrono::steady_clock::now() + std::clamp(wait, milliseconds(0), longest);
}

}  // namespace eventy::detail
