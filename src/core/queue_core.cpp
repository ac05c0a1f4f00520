#include "core/queue_core.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/log.hpp"
#include "core/identity.hpp"
#include "core/names.hpp"
#include "core/page_id.hpp"
#include "core/publish_limits.hpp"
#include "core/time_after.hpp"

namespace eventy::detail {

namespace {

using std::chrono::steady_clock;

int hardware_threads() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

Timestamp from_us(std::int64_t us) { return Timestamp(Timestamp::time_point(std::chrono::microseconds(us))); }

}  // namespace

// -- opening ---------------------------------------------------------------------------------------------------------

QueueCore::QueueCore(std::shared_ptr<QueueContext> context)
    : context_(std::move(context)), publisher_(std::make_shared<Publisher>(context_)) {}

QueueCore::~QueueCore() { context_->backend->release(context_->name); }

std::shared_ptr<QueueCore> QueueCore::open(std::shared_ptr<Backend> backend, QueueSettings settings,
                                           std::type_index payload_type, std::shared_ptr<HandlerPool> pool) {
    check_settings(settings);
    if (!backend->io().is_at_home()) {
        throw_not_at_home("open a queue on " + backend->describe());
    }
    QueueName name{settings.key_prefix, settings.event_type};
    if (!backend->claim(name, payload_type)) {
        throw Error(errc::name_taken, "the event type " + quoted(name.type) + " under the prefix " +
                                          quoted(name.prefix) + " is used for another C++ type on this client; give " +
                                          "one of the two a name of its own (event_name)");
    }
    if (!pool) {
        pool = std::make_shared<HandlerPool>(settings.concurrency.value_or(hardware_threads()));
    }
    auto context = std::make_shared<QueueContext>(QueueContext{.backend = std::move(backend),
                                                               .name = std::move(name),
                                                               .settings = std::move(settings),
                                                               .worker_id = make_worker_id(),
                                                               .pool = std::move(pool)});
    auto core = std::make_shared<QueueCore>(context);  // from here on its destructor gives the claim back
    if (!context->settings.lazy_connect) {
        const Deadline deadline = steady_clock::now() + context->backend->connect_timeout();
        call_and_wait<Done>(context->backend->io(), [context, deadline](Callback<Done> done) {
            context->backend->check(deadline, std::move(done));
        });
    }
    call_and_wait<Done>(context->backend->io(), [core](Callback<Done> done) {
        core->start();
        done(Done{});
    });
    return core;
}

void QueueCore::start() {
    context_->store = context_->backend->open(
        context_->name,
        {.publish_timeout = publisher_->longest_call(), .max_payload_bytes = context_->settings.max_payload_bytes});
    context_->store->on_presence([weak = std::weak_ptr(publisher_)] {
        if (const auto publisher = weak.lock()) {
            publisher->presence_changed();
        }
    });
    context_->store->on_reconnect([weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->publisher_->forget_registration();
            for (const auto& worker : self->workers()) {
                worker->reconnected();
            }
        }
    });
}

bool QueueCore::is_at_home() const { return context_->backend->io().is_at_home(); }

void QueueCore::require_open(const char* doing) const {
    if (!is_at_home()) {
        throw_not_at_home(std::string(doing) + " (" + context_->describe() + ")");
    }
    if (closed_) {
        throw_closed(doing);
    }
}

void QueueCore::throw_closed(const char* doing) const {
    throw Error(errc::closed, std::string("cannot ") + doing + ": the queue " + context_->describe() + " was closed");
}

template <class R, class F>
R QueueCore::call(const char* doing, F start) {
    require_open(doing);
    const auto deadline = context_->call_deadline();
    try {
        return call_and_wait<R>(context_->backend->io(),
                                [self = shared_from_this(), start = std::move(start), deadline](Callback<R> done) {
                                    if (self->context_->store) {
                                        start(*self->context_->store, deadline, std::move(done));
                                    } else {
                                        done(Failure{errc::closed, "the queue was closed"});
                                    }
                                });
    } catch (const Error& error) {
        throw_failure({static_cast<errc>(error.code().value()),
                       std::string("cannot ") + doing + " (" + context_->describe() + "): " + error.what()});
    }
}

void QueueCore::register_type() {
    if (context_->settings.lazy_connect) {
        context_->backend->io().post([publisher = publisher_] { publisher->register_type(); });
        return;
    }
    call<Done>("register the event type",
               [](Store& store, Deadline deadline, Callback<Done> done) { store.add_type(deadline, std::move(done)); });
}

// -- publishing ------------------------------------------------------------------------------------------------------

std::vector<Receipt> QueueCore::publish(std::vector<std::string> payloads, const PublishOptions& options) {
    require_open("publish");
    const std::string headers = headers_to_text(options.headers);
    const std::size_t bytes = check_events(payloads, options, headers, context_->settings);
    if (payloads.empty()) {
        return {};
    }
    if (context_->backend->io().on_this_thread()) {
        throw Error(errc::would_deadlock, "a queue was called on Eventy's own I/O thread, by a logger or a clock");
    }
    auto unit = std::make_unique<PublishUnit>();
    unit->bytes = bytes;
    unit->dedup_key = options.dedup_key;
    unit->dedup_window = options.dedup_window > milliseconds(0) ? options.dedup_window : context_->settings.event_ttl;
    unit->deadline = steady_clock::now() + publisher_->longest_call();
    unit->events.reserve(payloads.size());
    for (auto& payload : payloads) {
        unit->events.push_back({std::move(payload), options.key, headers});
    }
    const auto count = static_cast<std::int64_t>(payloads.size());
    // A little longer than the store's own deadline, whose answer says more.
    const auto last_moment = unit->deadline + milliseconds(200);
    auto reply = publisher_->publish(std::move(unit))->wait_until(last_moment);
    if (!reply) {
        reply = Failure{errc::timeout, "no answer within " + std::to_string(publisher_->longest_call().count()) +
                                           " ms; it may or may not have been published"};
    }
    if (!reply->ok()) {
        throw_failure(
            {reply->failure().code, "cannot publish (" + context_->describe() + "): " + reply->failure().message});
    }
    std::vector<Receipt> receipts;
    receipts.reserve(payloads.size());
    for (std::int64_t i = 0; i < count; ++i) {
        receipts.push_back(
            {reply->value().first_id + i, from_us(reply->value().first_us + i), !reply->value().repeated.empty()});
    }
    return receipts;
}

// -- reading ---------------------------------------------------------------------------------------------------------

std::vector<std::optional<RawEvent>> QueueCore::get(std::span<const EventId> ids) {
    std::vector<EventId> wanted(ids.begin(), ids.end());
    if (wanted.empty()) {
        require_open("read events");
        return {};
    }
    auto stored = call<std::vector<std::optional<StoredEvent>>>(
        "read events", [wanted = std::move(wanted)](Store& store, Deadline deadline, auto done) {
            store.get(wanted, deadline, std::move(done));
        });
    std::vector<std::optional<RawEvent>> events;
    events.reserve(stored.size());
    for (auto& event : stored) {
        events.push_back(event ? std::optional(to_raw_event(*std::move(event))) : std::nullopt);
    }
    return events;
}

RawPage QueueCore::search(const EventFilter& filter, const PageRequest& page) {
    check_filter(filter);
    check_limit(page.limit);
    const auto identity = search_identity(context_->name.prefix, context_->name.type, filter);
    SearchRequest request{.filter = filter, .limit = page.limit};
    if (page.page_id) {
        const auto position = read_page_id(identity, *page.page_id);
        request.before_us = position ? parse_number(*position) : std::nullopt;
        if (!request.before_us) {
            throw Error(errc::bad_page_id, "the page id " + quoted(*page.page_id) +
                                               " was not given out by a search of " + context_->describe() +
                                               " with this filter");
        }
    }
    auto reply = call<SearchReply>("search events", [request](Store& store, Deadline deadline, auto done) {
        store.search(request, deadline, std::move(done));
    });
    RawPage result;
    result.items.reserve(reply.events.size());
    for (auto& event : reply.events) {
        result.items.push_back(to_raw_event(std::move(event)));
    }
    if (reply.next_before_us) {
        result.next_page_id = make_page_id(identity, std::to_string(*reply.next_before_us));
    }
    return result;
}

std::int64_t QueueCore::count(const EventFilter& filter) {
    check_filter(filter);
    return call<std::int64_t>("count events", [filter](Store& store, Deadline deadline, auto done) {
        store.count(filter, deadline, std::move(done));
    });
}

QueueStats QueueCore::stats(bool by_status) {
    return call<QueueStats>("read statistics", [by_status](Store& store, Deadline deadline, auto done) {
        store.stats(by_status, deadline, std::move(done));
    });
}

/// At one moment: an event that is retried goes back and forth between leased and pending.
bool QueueCore::idle() {
    const auto groups = stats(false).groups;
    if (groups.empty()) {
        return count({.status = EventStatus::pending}) == 0;
    }
    return std::all_of(groups.begin(), groups.end(),
                       [](const auto& group) { return group.second.lag + group.second.leased == 0; });
}

std::vector<ByHand> QueueCore::retry(std::vector<EventId> ids, bool delayed_too) {
    RetryRequest request{.ids = std::move(ids), .ttl = context_->settings.event_ttl, .delayed_too = delayed_too};
    return call<std::vector<ByHand>>("retry events", [request](Store& store, Deadline deadline, auto done) {
        store.retry(request, deadline, std::move(done));
    });
}

std::vector<ByHand> QueueCore::discard(std::vector<EventId> ids) {
    DiscardRequest request{.ids = std::move(ids),
                           .ttl = context_->settings.event_ttl,
                           .worker_id = context_->worker_id,
                           .reason = "discarded by hand"};
    return call<std::vector<ByHand>>("discard events", [request](Store& store, Deadline deadline, auto done) {
        store.discard(request, deadline, std::move(done));
    });
}

std::vector<SubscriberInfo> QueueCore::subscribers() {
    return call<std::vector<SubscriberInfo>>("list subscribers", [](Store& store, Deadline deadline, auto done) {
        store.subscribers(deadline, std::move(done));
    });
}

std::optional<SubscriberInfo> QueueCore::subscriber(std::string_view id) {
    return call<std::optional<SubscriberInfo>>("read a subscriber",
                                               [id = std::string(id)](Store& store, Deadline deadline, auto done) {
                                                   store.subscriber(id, deadline, std::move(done));
                                               });
}

bool QueueCore::wait_idle(milliseconds timeout) {
    if (runs_on_this_thread()) {
        throw Error(errc::would_deadlock, "wait_idle() was called in a handler of the same queue, which waits for it");
    }
    const auto deadline = time_after(timeout);
    auto pause = milliseconds(1);
    for (;;) {
        if (idle()) {
            return true;
        }
        const auto now = steady_clock::now();
        if (now >= deadline) {
            return false;
        }
        std::this_thread::sleep_until(std::min(deadline, now + pause));
        pause = std::min(pause * 2, milliseconds(50));
    }
}

// -- subscribing -----------------------------------------------------------------------------------------------------

/// With `mutex_` held.
std::shared_ptr<Worker> QueueCore::worker_of(const std::string& group) {
    auto& worker = workers_[group];
    if (!worker) {
        worker = std::make_shared<Worker>(context_, group, this);
    }
    return worker;
}

std::vector<std::shared_ptr<Worker>> QueueCore::workers() {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Worker>> all;
    all.reserve(workers_.size());
    for (const auto& [group, worker] : workers_) {
        all.push_back(worker);
    }
    return all;
}

void QueueCore::forget(const std::string& id) {
    std::shared_ptr<SubscriptionState> ended;  // destroyed outside the lock: it holds users' objects
    const std::lock_guard lock(mutex_);
    if (const auto entry = subscriptions_.find(id); entry != subscriptions_.end()) {
        ended = std::move(entry->second);
        subscriptions_.erase(entry);
    }
}

Subscription QueueCore::subscribe(std::vector<RawHandler> handlers, const SubscribeOptions& options) {
    require_open("subscribe");
    check_group(options.group);
    if (handlers.empty()) {
        throw Error(errc::invalid_argument, "cannot subscribe: the list of subscribers is empty");
    }
    const std::string id = random_uuid();
    SubscriberInfo info{.id = id,
                        .event_type = context_->name.type,
                        .group = options.group,
                        .worker_id = context_->worker_id,
                        .host = host_name(),
                        .pid = process_id(),
                        .created_at = now()};
    std::shared_ptr<SubscriptionState> state;
    std::shared_ptr<Worker> worker;
    {
        const std::lock_guard lock(mutex_);
        if (closed_) {
            throw_closed("subscribe");
        }
        worker = worker_of(options.group);
        auto ended = [weak = weak_from_this(), weak_worker = std::weak_ptr(worker), id] {
            const auto self = weak.lock();
            const auto its_worker = weak_worker.lock();
            if (self && its_worker) {
                its_worker->remove(id);
                self->forget(id);
                self->context_->backend->io().post([its_worker] { its_worker->subscriptions_changed(); });
            }
        };
        state = std::make_shared<SubscriptionState>(id, this, std::move(handlers), std::move(ended));
        subscriptions_.emplace(id, state);
        worker->add(state, std::move(info));
    }
    context_->backend->io().post([publisher = publisher_, worker] {
        publisher->register_type();
        worker->subscriptions_changed();
    });
    return Subscription(std::move(state));
}

bool QueueCore::unsubscribe(std::string_view id) {
    require_open("unsubscribe");
    std::shared_ptr<SubscriptionState> state;
    {
        const std::lock_guard lock(mutex_);
        if (const auto entry = subscriptions_.find(id); entry != subscriptions_.end()) {
            state = entry->second;
        }
    }
    if (state) {
        state->end();
    }
    return state != nullptr;
}

}  // namespace eventy::detail
