// One subscription: its handlers, and the gate that ends it.
#pragma once
#include <condition_variable>
#include <eventy/detail/queue.hpp>
#include <eventy/subscriber.hpp>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/home_process.hpp"

namespace eventy::detail {

/// Once closed nobody enters any more; whoever closed it can wait for those who are inside.
class Gate {
public:
    bool enter();
    void leave();
    /// True for the first to close it.
    bool close();
    void wait_until_empty();

private:
    std::mutex mutex_;
    std::condition_variable empty_;
    int inside_ = 0;
    bool closed_ = false;
};

/// Shared by the Subscription object, the queue and the handlers' threads. Thread-safe.
class SubscriptionState {
public:
    /// `queue` stands for the queue in RunningScope. `on_end` is called once, by whoever ends it, and must not wait.
    SubscriptionState(std::string id, const void* queue, std::vector<RawHandler>, std::function<void()> on_end);

    const std::string& id() const { return id_; }
    const void* queue() const { return queue_; }
    const std::vector<RawHandler>& handlers() const { return handlers_; }
    Gate& gate() { return gate_; }

    /// False in a child that was forked since: there it must be neither ended nor destroyed.
    bool is_at_home() const { return home_.is_here(); }

    /// No call starts after it; waits for running ones, but not inside a handler of the same queue. Again: waits too.
    void end();
    /// As `end`, without waiting.
    void end_in_background();

private:
    std::string id_;
    const void* queue_;
    std::vector<RawHandler> handlers_;
    std::function<void()> on_end_;
    Gate gate_;
    HomeProcess home_;
};

}  // namespace eventy::detail
