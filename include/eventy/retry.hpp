// When a failed event is tried again.
#pragma once
#include <eventy/timestamp.hpp>
#include <functional>
#include <optional>
#include <string>

namespace eventy {

/// Of a queue's options, for each group. The default is one attempt: an event whose handler throws is ERROR at once.
///
/// An event whose attempts are used up is a dead letter: ERROR, kept for `event_ttl` from then, never dropped by
/// number, and taken up again by `retry_event` and `retry_all`. Out of range (see each field): `invalid_argument` from
/// the queue's constructor.
struct RetryPolicy {
    int max_attempts = 1;                ///< 1 to 1,000,000; the first one counts
    milliseconds initial_backoff{1000};  ///< from the first failed attempt to the second attempt; 0 to 30 days
    double multiplier = 2;               ///< each further wait is so many times the one before; 1 to 100
    milliseconds max_backoff = std::chrono::minutes(10);  ///< the longest wait; 0 to 30 days
    /// The share of each wait that is drawn at random, 0 to 1, so that what failed together does not come back
    /// together.
    double jitter = 0.5;
    /// So many times in a row a worker may die, or fall silent for a lease, with the event in its hands; then it is
    /// ERROR. One short of that it is run alone, so that it takes no other event with it. 1 to 1,000.
    int max_lost_leases = 3;
    /// Decides instead of all the above but `max_lost_leases`: how long to wait after this failed attempt (from 1) with
    /// this error; nullopt: give up. Called on several threads at once, also on the one that keeps the leases: it must
    /// not block and not call the queue. What it throws gives up.
    std::function<std::optional<milliseconds>(int attempt, const std::string& error)> decide = {};
};

/// Thrown by a handler: this event again after so long, whatever the policy says. Counts as a failed attempt.
struct Retry {
    milliseconds after{0};  ///< up to 30 days; longer counts as 30 days
    std::string reason = "the handler asked for a retry";
};

/// Thrown by a handler: this event is ERROR now, whatever attempts the policy has left.
struct Reject {
    std::string reason = "the handler rejected the event";
};

}  // namespace eventy
