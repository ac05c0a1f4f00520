// Who waits for one group, and who is woken next.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>

namespace eventy::memory {

/// At most one marker, like the list `wake` of the Redis store: whoever waits longest takes it and goes to the end of
/// the line; while nobody waits it stays. So one thing to do wakes one worker, and none is forgotten.
class WaitingLine {
public:
    using Waiter = std::uint64_t;

    /// Puts the marker; whoever is returned has taken it and is to be woken.
    std::optional<Waiter> push();
    /// There is nothing to do after all.
    void clear() { marker_ = false; }
    /// As `push`, for a marker that is there already.
    std::optional<Waiter> join(Waiter);
    void leave(Waiter);

private:
    std::optional<Waiter> give();

    std::deque<Waiter> waiters_;
    bool marker_ = false;
};

}  // namespace eventy::memory
