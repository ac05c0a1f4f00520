// How a queue ends: subscribers first, then handlers, then what they have to store, then its place in the backend.
#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "base/log.hpp"
#include "core/queue_core.hpp"
#include "core/running_scope.hpp"
#include "core/time_after.hpp"

namespace eventy::detail {

namespace {

// For how long the last handle waits for the server to take the last outcomes; healthy ones need a thousandth of it.
constexpr auto patience_of_destructors = milliseconds(250);

}  // namespace

void QueueCore::begin_close() {
    std::vector<std::shared_ptr<SubscriptionState>> all;
    {
        // Under the lock, so that who subscribes at this moment is either among them or told that it is closed.
        const std::lock_guard lock(mutex_);
        if (closed_.exchange(true)) {
            return;
        }
        for (const auto& [id, state] : subscriptions_) {
            all.push_back(state);
        }
    }
    for (const auto& state : all) {
        state->end_in_background();
    }
    context_->backend->io().post([self = shared_from_this()] { self->stop_workers(); });
}

void QueueCore::stop_workers() {
    const auto all = workers();
    workers_running_ = static_cast<int>(all.size()) + 1;  // and one that stands for this loop
    workers_undrained_ = workers_running_;
    for (const auto& worker : all) {
        worker->stop([self = shared_from_this()] { self->on_handlers_ended(); },
                     [self = shared_from_this()] { self->on_drained(); });
    }
    on_handlers_ended();
    publisher_->when_idle([self = shared_from_this()] { self->on_drained(); });
}

void QueueCore::on_handlers_ended() {
    if (--workers_running_ > 0) {
        return;
    }
    {
        const std::lock_guard lock(ending_->mutex);
        ending_->handlers_ended = true;
    }
    ending_->changed.notify_all();
    // Once the leases have run out, others have what is left: there is nothing more to store.
    const auto patience = std::max<milliseconds>(context_->settings.lease, std::chrono::seconds(1));
    auto timer = std::make_shared<boost::asio::steady_timer>(context_->backend->io().context(), patience);
    timer->async_wait([timer, weak = weak_from_this()](const boost::system::error_code&) {
        if (const auto self = weak.lock()) {
            self->release_store();
        }
    });
}

void QueueCore::on_drained() {
    if (--workers_undrained_ == 0) {
        release_store();
    }
}

void QueueCore::release_store() {
    if (!context_->store) {
        return;
    }
    std::size_t unsettled = 0;
    for (const auto& worker : workers()) {
        unsettled += worker->unsettled();
    }
    if (unsettled > 0) {
        log(LogLevel::warning, "closed " + context_->describe() + " without having stored the outcome of " +
                                   std::to_string(unsettled) + " events; they are processed again");
    }
    context_->store.reset();
    publisher_->store_is_gone();
    // Behind everything of ours that is still on the I/O thread's stack.
    context_->backend->io().post([ending = ending_] {
        {
            const std::lock_guard lock(ending->mutex);
            ending->released = true;
        }
        ending->changed.notify_all();
    });
}

bool QueueCore::runs_on_this_thread() const { return RunningScope::inside(this); }

bool QueueCore::close(milliseconds timeout) {
    if (!is_at_home()) {
        return true;  // no handler of it runs in this process, and it is the other's to close
    }
    if (runs_on_this_thread()) {
        throw Error(errc::would_deadlock, "close() was called in a handler of the same queue, which waits for it");
    }
    const auto deadline = time_after(timeout);
    begin_close();
    std::unique_lock lock(ending_->mutex);
    const bool all = ending_->changed.wait_until(lock, deadline, [this] { return ending_->released; });
    const bool handlers_ended = ending_->handlers_ended;
    lock.unlock();
    if (!all && !handlers_ended) {
        log(LogLevel::warning, "close() of " + context_->describe() + " ran out of time after " +
                                   std::to_string(timeout.count()) + " ms with handlers still running");
        context_->backend->io().post([self = shared_from_this()] {
            for (const auto& worker : self->workers()) {
                worker->request_stop_of_running();
            }
        });
    } else if (!all) {
        log(LogLevel::warning, "close() of " + context_->describe() + " ran out of time after " +
                                   std::to_string(timeout.count()) +
                                   " ms before all outcomes were stored; it goes on in the background");
    }
    return handlers_ended;
}

void QueueCore::last_handle_gone() {
    if (runs_on_this_thread()) {
        log(LogLevel::warning, "the last handle of " + context_->describe() +
                                   " was dropped in one of its own handlers; it closes in the background");
        begin_close();
        return;
    }
    begin_close();
    std::unique_lock lock(ending_->mutex);
    ending_->changed.wait(lock, [this] { return ending_->handlers_ended; });
    ending_->changed.wait_for(lock, patience_of_destructors, [this] { return ending_->released; });
}

}  // namespace eventy::detail
