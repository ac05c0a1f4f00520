// Who is called for each event, and for how long.
#pragma once
#include <eventy/context.hpp>
#include <eventy/records.hpp>
#include <memory>
#include <string>

namespace eventy {

/// Thrown by a handler that did not process its event and will not: nothing is recorded, no attempt is counted, and a
/// worker has the event again at once. For programs that are ending; a worker that goes on may get it itself.
struct HandBack {};

/// Processes events. To fail, throw: the event becomes ERROR with what() as `last_error`.
template <class T>
class Subscriber {
public:
    virtual ~Subscriber() = default;
    /// Called on up to `concurrency` threads at once, for different events.
    virtual void on_event(const QueueEvent<T>&, Context&) = 0;
};

namespace detail {
class SubscriptionState;
}

/// One subscription's life: dropped, it unsubscribes. Move-only; one thread at a time. Fine to keep after the queue is
/// gone.
class [[nodiscard("dropped at once, it unsubscribes at once: keep it or call .detach()")]] Subscription {
public:
    /// Holds nothing.
    Subscription() noexcept;
    explicit Subscription(std::shared_ptr<detail::SubscriptionState>) noexcept;
    Subscription(Subscription&&) noexcept;
    Subscription& operator=(Subscription&&) noexcept;
    /// As `unsubscribe()`, errors logged.
    ~Subscription();

    /// The subscriber's id, as `get_subscriber` knows it; empty when this holds nothing.
    const std::string& id() const;

    /// Leaves it subscribed until the queue closes, and returns the id.
    std::string detach();

    /// No call starts after it. Waits for running calls, but never inside a handler of that queue and never for Redis.
    /// A second time it does nothing.
    void unsubscribe();

private:
    std::shared_ptr<detail::SubscriptionState> state_;
};

}  // namespace eventy
