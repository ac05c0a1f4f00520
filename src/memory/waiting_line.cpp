#include "memory/waiting_line.hpp"

namespace eventy::memory {

std::optional<WaitingLine::Waiter> WaitingLine::push() {
    marker_ = true;
    return give();
}

std::optional<WaitingLine::Waiter> WaitingLine::join(Waiter waiter) {
    waiters_.push_back(waiter);
    return give();
}

void WaitingLine::leave(Waiter waiter) { std::erase(waiters_, waiter); }

std::optional<WaitingLine::Waiter> WaitingLine::give() {
    if (!marker_ || waiters_.empty()) {
        return std::nullopt;
    }
    marker_ = false;
    const Waiter next = waiters_.front();
    waiters_.pop_front();
    waiters_.push_back(next);
    return next;
}

}  // namespace eventy::memory
