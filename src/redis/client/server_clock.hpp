// What time it is at the server.
#pragma once
#include <chrono>
#include <optional>

namespace eventy::redis {

/// What the server said last, and the steady clock since. Never ahead of the server's clock by more than that has been
/// set back since; behind it by what a reply took to come here.
class ServerClock {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    /// `time`: since 1970. `now`: no earlier than when the reply came.
    void heard(std::chrono::milliseconds time, TimePoint now) { ahead_ = time - since_epoch(now); }

    /// Since 1970; nothing while the server has not said it.
    std::optional<std::chrono::milliseconds> at(TimePoint now) const {
        return ahead_ ? std::optional(since_epoch(now) + *ahead_) : std::nullopt;
    }

private:
    static std::chrono::milliseconds since_epoch(TimePoint time) {
        return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
    }

    std::optional<std::chrono::milliseconds> ahead_ = {};  // of the steady clock
};

}  // namespace eventy::redis
