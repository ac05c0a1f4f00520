// Calls one watcher, in order, on a thread of its own.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <eventy/records.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "core/subscription.hpp"

namespace eventy::detail {

/// Keeps up to 10,000 notices that the watcher has not seen; more are dropped, counted and logged. Where some are
/// missing, it says so in their place. Thread-safe.
class WatchThread {
public:
    using Callback = std::function<void(const EventNotice&)>;

    /// `on_gap` may be empty.
    WatchThread(Callback, std::function<void()> on_gap);
    /// Waits for a running call, unless on this thread.
    ~WatchThread();
    WatchThread(const WatchThread&) = delete;
    WatchThread& operator=(const WatchThread&) = delete;

    /// Once, before the first notice.
    void start(std::shared_ptr<SubscriptionState>);
    void push(EventNotice);
    /// Notices may be missing between those before and those after.
    void push_gap();
    /// No further call. Does not wait.
    void stop();

private:
    struct Shared {
        Callback callback;
        std::function<void()> on_gap;
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<std::optional<EventNotice>> waiting;  // nullopt: a gap
        std::int64_t dropped = 0;
        bool stopping = false;
    };
    static void add_gap(Shared&);
    static void serve(Shared&, SubscriptionState&);

    std::shared_ptr<Shared> shared_;
    std::thread thread_;
};

}  // namespace eventy::detail
