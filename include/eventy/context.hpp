// What a handler can ask and tell about the event it is processing.
#pragma once
#include <cstdint>
#include <eventy/timestamp.hpp>
#include <stop_token>
#include <string>
#include <string_view>

namespace eventy {

/// Lives as long as the handler's call; use it on the handler's thread (the stop token may go anywhere).
/// `eventy/testing.hpp` has one to call handlers with in tests.
class Context {
public:
    virtual ~Context() = default;

    /// Stop is requested when the lease is lost, the `handler_timeout` is over, or a closing queue has no more time:
    /// finish soon, the outcome may no longer count.
    virtual std::stop_token stop_token() const = 0;

    /// The fencing number: rises from taker to taker of an event. Write it along with your own data and refuse smaller
    /// ones, and no late worker can undo what a later one did.
    virtual std::int64_t epoch() const = 0;

    /// From 1; failed attempts before this one, plus 1.
    virtual int attempt() const = 0;

    /// This worker, as `QueueEvent::processed_by` will show it.
    virtual const std::string& worker_id() const = 0;

    /// Keeps the event leased for at least this long from now (it is renewed by itself anyway while the handler runs).
    /// Waits for Redis. Throws `LeaseLost`, `TimeoutError`, `ConnectionError`.
    virtual void extend(milliseconds) = 0;

    /// Stores how far the work has come, 0 to 1, with a note. Waits for Redis. Throws as `extend` does.
    virtual void report_progress(double fraction, std::string_view note = {}) = 0;
};

}  // namespace eventy
