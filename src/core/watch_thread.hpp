// Calls one watcher, in order, on a thread of its own.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <eventy/records.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "core/subscription.hpp"

namespace eventy::detail {

/// Keeps up to 10,000 notices that the watcher has not seen; more are dropped, counted and logged. Thread-safe.
class WatchThread {
public:
    using Callback = std::function<void(const EventNotice&)>;

    explicit WatchThread(Callback);
    /// Waits for a running call, unless on this thread.
    ~WatchThread();
    WatchThread(const WatchThread&) = delete;
    WatchThread& operator=(const WatchThread&) = delete;

    /// Once, before the first notice.
    void start(std::shared_ptr<SubscriptionState>);
    void push(EventNotice);
    /// No further call. Does not wait.
    void stop();

private:
    struct Shared {
        Callback callback;
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<EventNotice> waiting;
        std::int64_t dropped = 0;
        bool stopping = false;
    };
    static void serve(Shared&, SubscriptionState&);

    std::shared_ptr<Shared> shared_;
    std::thread thread_;
};

}  // namespace eventy::detail
