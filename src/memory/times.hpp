// Times of the store in memory: µs since 1970.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <eventy/records.hpp>

namespace eventy::memory {

inline std::int64_t in_us(milliseconds duration) { return std::chrono::microseconds(duration).count(); }

inline Timestamp at(std::int64_t us) { return Timestamp::time_point(std::chrono::microseconds(us)); }

inline std::int64_t lease_end(std::int64_t now, milliseconds lease) {
    return now + std::max<std::int64_t>(in_us(lease), 1);
}

}  // namespace eventy::memory
