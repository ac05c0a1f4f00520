#include "core/watch_thread.hpp"

#include <eventy/detail/words_of.hpp>
#include <exception>
#include <utility>

#include "base/log.hpp"
#include "core/running_scope.hpp"

namespace eventy::detail {

namespace {

constexpr std::size_t most_waiting = 10'000;

template <class F>
void call(const F& function) {
    try {
        function();
    } catch (const std::exception& error) {
        log(LogLevel::error, std::string("a watcher threw: ") + words_of(error));
    } catch (...) {
        log(LogLevel::error, "a watcher threw something that is no std::exception");
    }
}

}  // namespace

WatchThread::WatchThread(Callback callback, std::function<void()> on_gap) : shared_(std::make_shared<Shared>()) {
    shared_->callback = std::move(callback);
    shared_->on_gap = std::move(on_gap);
}

WatchThread::~WatchThread() {
    stop();
    if (!thread_.joinable()) {
        return;
    }
    if (thread_.get_id() == std::this_thread::get_id()) {
        thread_.detach();
    } else {
        thread_.join();
    }
}

void WatchThread::start(std::shared_ptr<SubscriptionState> subscription) {
    thread_ =
        std::thread([shared = shared_, subscription = std::move(subscription)] { serve(*shared, *subscription); });
}

void WatchThread::push(EventNotice notice) {
    std::int64_t dropped = 0;
    {
        const std::lock_guard lock(shared_->mutex);
        if (shared_->waiting.size() < most_waiting) {
            shared_->waiting.emplace_back(std::move(notice));
        } else {
            dropped = ++shared_->dropped;
            add_gap(*shared_);
        }
    }
    shared_->changed.notify_one();
    if (dropped > 0 && (dropped & (dropped - 1)) == 0) {  // at 1, 2, 4, 8 ...: a flood must not flood the log
        log(LogLevel::warning, "a watcher is too slow: " + std::to_string(dropped) + " notices dropped so far");
    }
}

void WatchThread::push_gap() {
    {
        const std::lock_guard lock(shared_->mutex);
        add_gap(*shared_);
    }
    shared_->changed.notify_one();
}

/// One after the other is one gap, so this does not grow without bounds.
void WatchThread::add_gap(Shared& shared) {
    if (shared.waiting.empty() || shared.waiting.back()) {
        shared.waiting.emplace_back(std::nullopt);
    }
}

void WatchThread::stop() {
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->stopping = true;
    }
    shared_->changed.notify_one();
}

void WatchThread::serve(Shared& shared, SubscriptionState& subscription) {
    const RunningScope scope(subscription.queue());
    std::unique_lock lock(shared.mutex);
    for (;;) {
        shared.changed.wait(lock, [&] { return shared.stopping || !shared.waiting.empty(); });
        if (shared.stopping) {
            return;
        }
        const std::optional<EventNotice> notice = std::move(shared.waiting.front());
        shared.waiting.pop_front();
        lock.unlock();
        if (!subscription.gate().enter()) {
            return;
        }
        if (notice) {
            call([&] { shared.callback(*notice); });
        } else if (shared.on_gap) {
            call(shared.on_gap);
        }
        subscription.gate().leave();
        lock.lock();
    }
}

}  // namespace eventy::detail
