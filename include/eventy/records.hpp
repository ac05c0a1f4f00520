// The plain records that a queue takes and gives.
#pragma once
#include <cstdint>
#include <eventy/status.hpp>
#include <eventy/timestamp.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace eventy {

/// Ids of one event type are dense, start at 1 and rise in the order of publishing.
using EventId = std::int64_t;

/// An attempt that ended in an error, or with its worker (a lost lease). Attempts of one run count from 1; a retry by
/// hand begins a new one.
struct FailedAttempt {
    int attempt = 0;
    Timestamp at = {};  ///< when it was known, Redis's clock
    std::string group = {}, worker_id = {};
    std::string error = {};  ///< up to 500 bytes
};

/// One event as it is stored.
template <class T>
struct QueueEvent {
    EventId id = 0;
    T payload;
    EventStatus status = EventStatus::pending;
    Timestamp created_at = {};   ///< Redis's clock at publish; distinct, and rising with the id
    std::string worker_id = {};  ///< who published it
    int attempt = 0;             ///< in a handler: which attempt this is, from 1; elsewhere the attempts so far
    std::string key = {};        ///< `PublishOptions::key`
    std::map<std::string, std::string> headers = {};
    std::string last_error = {};                                 ///< why the last attempt failed; empty when none did
    std::string processed_by = {};                               ///< the worker that settled it; empty before that
    std::optional<Timestamp> started_at = {}, finished_at = {};  ///< of the attempt that settled it, Redis's clock
    std::vector<FailedAttempt> failures = {};                    ///< oldest first, the last 20; not filled in a handler
};

/// Which events: all that hold. Both ends of the time range are included.
struct EventFilter {
    std::optional<Timestamp> created_at_min = {}, created_at_max = {};
    std::optional<EventStatus> status = {};
};

/// Which page. `limit`: 1 to 10,000 items.
struct PageRequest {
    std::optional<std::string> page_id = {};  ///< `next_page_id` of the page before, with the same filter
    std::int64_t limit = 100;
};

/// A stored event that could not be read as T.
struct Unreadable {
    EventId id = 0;
    EventStatus status = EventStatus::pending;
    std::string reason = {};
};

/// A page may be short or empty; the end is where there is no `next_page_id`.
template <class I>
struct Page {
    std::vector<I> items = {};
    std::optional<std::string> next_page_id = {};
    std::vector<Unreadable> unreadable = {};
    auto begin() const { return items.begin(); }
    auto end() const { return items.end(); }
};

/// One live subscriber of any process.
struct SubscriberInfo {
    std::string id = {}, event_type = {}, group = {}, worker_id = {}, host = {};
    std::int64_t pid = 0;
    Timestamp created_at = {};
};

struct GroupStats {
    std::int64_t lag = 0;  ///< events that this group has yet to process, leased ones left out
    std::optional<milliseconds> oldest_pending = {};  ///< age of the oldest of them
    std::int64_t leased = 0;                          ///< events that its workers hold
};

struct QueueStats {
    EventId last_id = 0;
    std::map<EventStatus, std::int64_t> by_status = {};  ///< all four are there
    std::map<std::string, GroupStats> groups = {};
    std::int64_t expired = 0;      ///< events that expired before a group had processed them
    std::int64_t subscribers = 0;  ///< live ones, of all processes
};

/// What the queue's channel carries, at publish and at the final status.
struct EventNotice {
    EventId event_id = 0;
    EventStatus status = EventStatus::pending;
    std::string worker_id = {};
};

/// How far a call over many events has come.
struct BulkProgress {
    std::int64_t done = 0;   ///< events that were changed
    std::int64_t total = 0;  ///< how many there were to look at when it began
};

struct PublishOptions {
    std::string key = {};  ///< a word of yours, kept with the event; up to 1,024 bytes
    std::map<std::string, std::string> headers = {};
    /// For retries of your own: while a publish with this word is remembered, a further one adds nothing and returns
    /// the events of the first. One word stands for all events of a call. Up to 1,024 bytes; empty: every publish
    /// counts.
    std::string dedup_key = {};
    milliseconds dedup_window{0};  ///< for how long it is remembered, up to `event_ttl`; 0: `event_ttl`
};

struct SubscribeOptions {
    std::string group = "default";  ///< each group processes every event once
};

}  // namespace eventy
