// EventQueue<T>: the one type for functions and members, whatever stands behind it.
#pragma once
#include <concepts>
#include <cstdint>
#include <eventy/detail/queue.hpp>
#include <eventy/event_range.hpp>
#include <eventy/records.hpp>
#include <eventy/serializer.hpp>
#include <eventy/subscriber.hpp>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace eventy {
namespace detail {

/// What holds a callable or nothing, as std::function and pointers do. A lambda without captures, which becomes a
/// pointer by unary plus, compares with nullptr too, but is never empty.
template <class F>
concept MaybeEmpty = std::is_pointer_v<F> || std::is_member_pointer_v<F> ||
                     (requires(const F& f) { { f == nullptr } -> std::convertible_to<bool>; } &&
                      !requires(const F& f) { +f; });

[[noreturn]] void throw_empty_handler();

}  // namespace detail

/// A copyable handle on one queue, Redis or memory. All members are const, thread-safe and blocking. They throw
/// `Error`: besides what each one names, `closed` after `close()`, `TimeoutError` and `ConnectionError` when the server
/// does not answer within the client's `command_timeout`, and `server` for what Redis refuses.
///
/// The last handle closes the queue: it waits for running handlers, and then at most 250 ms for Redis to take their
/// outcomes, though not inside a handler of this queue (there it ends in the background, and that is logged).
template <class T>
class EventQueue {
public:
    using payload_type = T;

    /// Stores the event and wakes a worker of each group. When the connection breaks meanwhile, the same call is sent
    /// again and is applied once. Throws `SerializationError`, `payload_too_large` (over `max_payload_bytes`),
    /// `invalid_argument`. After a `TimeoutError` the event may or may not have been published; with a `dedup_key` it
    /// is safe to try again. Where that key finds an earlier publish, its event comes back as it is stored now.
    QueueEvent<T> publish(T payload, PublishOptions = {}) const;

    /// All or none, with ids in the order given. Over 1,000 events or 32 MiB: `invalid_argument`, nothing is published;
    /// also where the `dedup_key` was used for another number of events.
    std::vector<QueueEvent<T>> publish_all(std::vector<T> payloads, PublishOptions = {}) const;
    template <std::ranges::input_range R>
    requires std::constructible_from<T, std::ranges::range_reference_t<R>>
    std::vector<QueueEvent<T>> publish_all(R&& payloads, PublishOptions options = {}) const {
        std::vector<T> all;
        for (auto&& payload : payloads) {
            all.emplace_back(std::forward<decltype(payload)>(payload));
            if (all.size() > detail::most_events_a_publish) {
                break;  // too many already, and the range may have no end
            }
        }
        return publish_all(std::move(all), std::move(options));
    }

    /// Throws `EventNotFound` (it never was, or it expired) and `SerializationError` (it is there but is no T).
    QueueEvent<T> get_event(EventId) const;

    /// One round trip for all; nullopt where there is no such event or it is no T.
    std::vector<std::optional<QueueEvent<T>>> get_events(std::span<const EventId>) const;
    std::vector<std::optional<QueueEvent<T>>> get_events(std::initializer_list<EventId> ids) const {
        return get_events(std::span<const EventId>(ids.begin(), ids.size()));
    }

    /// Newest first. Pages stay exact while events are published: none twice, none missed. Throws `bad_page_id` for a
    /// page id that a search with this filter on this queue did not give out. A status in the filter that is no
    /// `EventStatus`: `invalid_argument`, here and in all that takes a filter.
    Page<QueueEvent<T>> search_events(EventFilter = {}, PageRequest = {}) const;
    std::int64_t count_events(EventFilter filter = {}) const { return queue_->count_events(filter); }
    /// What `search_events` finds, all of it, as an input range.
    EventRange<T> events(EventFilter filter = {}) const { return EventRange<T>(*this, filter); }

    /// Calls the subscriber for each event of the group, on up to `concurrency` threads at once. Returns at once, Redis
    /// there or not. All subscribers of this queue in one group see an event one after another, in the order in which
    /// they subscribed; one that throws does not keep the others from it, and the attempt has failed for all of them.
    Subscription subscribe(std::shared_ptr<Subscriber<T>>, SubscribeOptions = {}) const;
    /// They begin and end together: each event meets all of them or none.
    Subscription subscribe(std::vector<std::shared_ptr<Subscriber<T>>> in_order, SubscribeOptions = {}) const;
    /// `handler(event)` or `handler(event, context)`: const-callable, returns nothing, throws to fail. An empty
    /// std::function or a null pointer: `invalid_argument`.
    template <class F>
    requires(!std::convertible_to<F, std::shared_ptr<Subscriber<T>>>)
    Subscription subscribe(F handler, SubscribeOptions options = {}) const {
        using Event = const QueueEvent<T>&;
        constexpr bool with_context = std::is_invocable_v<const F&, Event, Context&>;
        static_assert(with_context || std::is_invocable_v<const F&, Event>,
                      "eventy: a handler is called as handler(const QueueEvent<T>&) or handler(const QueueEvent<T>&, "
                      "Context&), and on several threads at once: it must be callable as const (no mutable lambda)");
        if constexpr (detail::MaybeEmpty<F>) {
            if (handler == nullptr) {
                detail::throw_empty_handler();
            }
        }
        if constexpr (with_context) {
            static_assert(std::is_void_v<std::invoke_result_t<const F&, Event, Context&>>,
                          "eventy: a handler returns nothing; to fail, it throws");
            return subscribe_raw({decoding([handler = share(std::move(handler))](Event event, Context& context) {
                                     std::invoke(std::as_const(*handler), event, context);
                                 })},
                                 options);
        } else if constexpr (std::is_invocable_v<const F&, Event>) {
            static_assert(std::is_void_v<std::invoke_result_t<const F&, Event>>,
                          "eventy: a handler returns nothing; to fail, it throws");
            return subscribe_raw({decoding([handler = share(std::move(handler))](Event event, Context&) {
                                     std::invoke(std::as_const(*handler), event);
                                 })},
                                 options);
        }
    }

    /// False when this queue has no such subscriber. Else as `Subscription::unsubscribe`.
    bool unsubscribe(std::string_view id) const { return queue_->unsubscribe(id); }

    /// Of any process. Throws `SubscriberNotFound`.
    SubscriberInfo get_subscriber(std::string_view id) const { return queue_->get_subscriber(id); }
    Page<SubscriberInfo> search_subscribers(PageRequest request = {}) const {
        return queue_->search_subscribers(request);
    }

    /// Calls back for each event published or settled by anyone, on a thread of its own, one at a time; nothing is
    /// taken. It has begun when this returns. Notices are not stored: those of a time without connection are missed.
    Subscription watch(std::function<void(const EventNotice&)> callback) const {
        return queue_->watch(std::move(callback), {});
    }
    /// As above. `on_gap` is called, on the same thread and in order, between the notices before and after which some
    /// may be missing: the connection was lost and is back, or the callback lagged behind by 10,000 notices.
    Subscription watch(std::function<void(const EventNotice&)> callback, std::function<void()> on_gap) const {
        return queue_->watch(std::move(callback), std::move(on_gap));
    }

    QueueStats stats() const { return queue_->stats(); }

    /// Takes an event up again that is ERROR, in each group that gave it up, with all the attempts of the policy; one
    /// that waits for its next attempt is due at once. It is kept for `event_ttl` from now. False: it was neither.
    /// Throws `EventNotFound`.
    bool retry_event(EventId id) const { return queue_->retry_event(id); }
    /// `retry_event` for all ERROR events that match, the newest first, in steps of up to 100; `progress` is called
    /// after each on this thread. Those that fail again meanwhile are not taken up a second time. Returns how many it
    /// were. A status in the filter other than `error`: `invalid_argument`.
    std::int64_t retry_all(EventFilter filter = {}, std::function<void(const BulkProgress&)> progress = {}) const {
        return queue_->retry_all(filter, progress);
    }
    /// Gives an event up, in each group that has not processed it yet: ERROR, and no worker takes it any more. One that
    /// a worker has already may still run, but its lease is lost, and its outcome changes nothing; the handler's stop
    /// token fires when its worker looks next, within about a second. False: it was processed or given up before.
    /// `retry_event` takes it up again. Throws `EventNotFound`.
    bool discard(EventId id) const { return queue_->discard(id); }
    /// `discard` for all events that match, the newest first, in steps of up to 100, as `retry_all`. The status in the
    /// filter is `pending`, `processing` or `error` (in the groups that have not given it up themselves); without one
    /// it is everything that is pending or processing. `processed`: `invalid_argument`. Returns how many it were.
    std::int64_t discard_all(EventFilter filter = {}, std::function<void(const BulkProgress&)> progress = {}) const {
        return queue_->discard_all(filter, progress);
    }

    /// Waits until nothing is pending, leased or due in any group; false: not within the time. In a handler of this
    /// queue: `would_deadlock`.
    bool wait_idle(milliseconds timeout) const { return queue_->wait_idle(timeout); }

    /// Takes nothing more, hands back what no handler has begun, waits for handlers and for their outcomes to be
    /// stored, and returns by the timeout in any case. True: all handlers ended. Afterwards all calls throw `closed`;
    /// again `close()` does nothing more. In a handler of this queue: `would_deadlock`.
    bool close(milliseconds timeout = std::chrono::seconds(30)) const { return queue_->close(timeout); }

protected:
    struct Parts {
        std::shared_ptr<detail::Queue> queue;
        std::shared_ptr<const Serializer<T>> serializer;
    };
    explicit EventQueue(Parts parts) : queue_(std::move(parts.queue)), serializer_(std::move(parts.serializer)) {}

private:
    friend class QueueManager;

    template <class F>
    static std::shared_ptr<const F> share(F handler) {
        return std::make_shared<const F>(std::move(handler));
    }
    template <class F>
    detail::RawHandler decoding(F call) const;
    Subscription subscribe_raw(std::vector<detail::RawHandler> handlers, const SubscribeOptions& options) const;
    std::string serialize(const T&) const;
    static QueueEvent<T> decode(const Serializer<T>&, const detail::RawEvent&);
    std::optional<QueueEvent<T>> decode_if_readable(const detail::RawEvent&, std::string* why = nullptr) const;

    std::shared_ptr<detail::Queue> queue_;
    std::shared_ptr<const Serializer<T>> serializer_;
};

}  // namespace eventy

#include <eventy/detail/event_queue_impl.hpp>
