// What all stores that were opened on one queue of a backend share.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/io_thread.hpp"
#include "memory/queue_state.hpp"
#include "memory/waiting_line.hpp"

namespace eventy::memory {

using Clock = std::function<Timestamp()>;

/// The queue's state, and the ways by which its changes reach those who wait or watch. On the I/O thread only; whoever
/// is called is called from the loop, never from inside the call that caused it.
class SharedQueue : public std::enable_shared_from_this<SharedQueue> {
public:
    SharedQueue(IoThread& io, Clock clock) : io_(io), clock_(std::move(clock)) {}

    /// Runs one transition at the clock's time and passes on what it signals.
    template <class Transition>
    auto run(Transition transition) {
        auto result = transition(state_, (clock_() - Timestamp()).count());
        deliver(state_.take_signals());
        return result;
    }

    /// A number that tells stores and their watchers apart.
    std::uint64_t new_number() { return ++last_number_; }

    void wait(std::uint64_t store, const std::string& group, std::function<void()> woken);
    void stop_waiting(std::uint64_t store, const std::string& group);
    /// Wakes one of those that wait.
    void nudge(const std::string& group) { deliver({.wake = {group}}); }

    using WatcherId = std::pair<std::uint64_t, std::uint64_t>;  // store, its token
    /// Returns what makes the watcher hear notices from then on; it may be called after the watcher's end.
    std::function<void()> watch(WatcherId, std::function<void(EventNotice)>);
    void unwatch(WatcherId);

    /// The store is closed: nothing of it is called any more.
    void forget(std::uint64_t store);

private:
    struct Group {
        WaitingLine line = {};
        std::map<WaitingLine::Waiter, std::function<void()>> woken = {};
    };

    struct Watcher {
        std::function<void(EventNotice)> notice = {};
        bool listening = false;
    };

    void deliver(Signals);
    void post_wake(const std::string& group, WaitingLine::Waiter);
    void post_notices(std::vector<EventNotice>);

    IoThread& io_;
    const Clock clock_;
    QueueState state_;
    std::map<std::string, Group> waiting_;
    std::map<WatcherId, Watcher> watchers_;
    std::uint64_t last_number_ = 0;
};

}  // namespace eventy::memory
