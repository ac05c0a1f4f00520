// Who listens to a queue's notices.
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "core/identity.hpp"
#include "core/queue_core.hpp"
#include "core/watch_thread.hpp"

namespace eventy::detail {

void QueueCore::wait_for_watch(std::function<void(Store&, Callback<Done>)> start) {
    if (context_->backend->io().on_this_thread()) {
        throw Error(errc::would_deadlock, "a queue was called on Eventy's own I/O thread, by a logger or a clock");
    }
    Answer<Done> answer;
    context_->backend->io().post([self = shared_from_this(), start = std::move(start), ready = answer.callback()] {
        if (self->context_->store) {
            start(*self->context_->store, ready);
        } else {
            ready(Failure{errc::closed, "the queue was closed"});
        }
    });
    // The store goes on trying, as watchers do after every loss; it is this caller who gives up.
    const auto ready = answer.wait_until(*context_->call_deadline());
    const Result<Done> result = ready.value_or(
        Failure{errc::timeout, "the server did not confirm it within " +
                                   std::to_string(context_->backend->command_timeout().count()) + " ms"});
    if (!result) {
        throw_failure(
            {result.failure().code, "cannot watch (" + context_->describe() + "): " + result.failure().message});
    }
}

Subscription QueueCore::watch(std::function<void(const EventNotice&)> callback, std::function<void()> on_gap) {
    require_open("watch");
    if (!callback) {
        throw Error(errc::invalid_argument, "cannot watch: the callback is empty");
    }
    const std::uint64_t token = next_watch_++;
    const std::string id = random_uuid();
    const LogLevel level = on_gap ? LogLevel::info : LogLevel::warning;  // whoever asked to be told is told
    auto thread = std::make_shared<WatchThread>(std::move(callback), std::move(on_gap));
    auto ended = [weak = weak_from_this(), thread, token, id] {
        thread->stop();
        if (const auto self = weak.lock()) {
            self->forget(id);
            self->context_->backend->io().post([self, token] {
                if (self->context_->store) {
                    self->context_->store->unwatch(token);
                }
            });
        }
    };
    auto state = std::make_shared<SubscriptionState>(id, this, std::vector<RawHandler>{}, std::move(ended));
    thread->start(state);
    Subscription subscription(state);  // should the queue be closed by now or Redis refuse, this ends it
    {
        const std::lock_guard lock(mutex_);
        if (closed_) {
            throw_closed("watch");
        }
        subscriptions_.emplace(id, std::move(state));
    }
    wait_for_watch(
        [weak = std::weak_ptr(thread), token, level, where = context_->describe()](Store& store, Callback<Done> ready) {
            store.watch(token,
                        {.notice =
                             [weak](EventNotice notice) {
                                 if (const auto alive = weak.lock()) {
                                     alive->push(std::move(notice));
                                 }
                             },
                         .gap =
                             [weak, level, where] {
                                 log(level, "the connection that watches " + where +
                                                " was lost and is back: notices may have been missed");
                                 if (const auto alive = weak.lock()) {
                                     alive->push_gap();
                                 }
                             }},
                        std::move(ready));
        });
    return subscription;
}

}  // namespace eventy::detail
