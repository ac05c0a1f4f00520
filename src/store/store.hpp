// The one interface between the queue's core and where events live. Bytes only; T is unknown here.
//
// Threads: everything runs on the backend's I/O thread, callbacks too, unless it says otherwise. A callback is never
// called before the function that took it has returned, and exactly once, unless the store is destroyed first.
#pragma once
#include <chrono>
#include <cstdint>
#include <eventy/records.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <typeindex>
#include <vector>

#include "base/result.hpp"

namespace eventy::detail {

class IoThread;

template <class R>
using Callback = std::function<void(Result<R>)>;
struct Done {};

/// Which queue: the prefix and the event type, both already checked (src/core/names.hpp).
struct QueueName {
    std::string prefix = {}, type = {};
};

/// What a store knows of its queue's settings.
struct StoreSettings {
    milliseconds publish_timeout{5000};  // the most that a publish may take
    /// An event with a larger payload is ERROR to a take, and unreadable to those that read.
    std::int64_t max_payload_bytes = std::int64_t{16} * 1024 * 1024;
};

/// Steady time by which an answer must be there; none: as long as it takes.
using Deadline = std::optional<std::chrono::steady_clock::time_point>;

// -- publish ---------------------------------------------------------------------------------------------------------
struct NewEvent {
    std::string payload = {}, key = {};
    std::string headers = {};  // a JSON object, or empty for none
};
/// Some of a request's events that are published together once in `window`: if a unit of that word was published before
/// and its first event is still there, these are not published again.
struct PublishOnce {
    std::size_t first = 0, count = 1;  // of the request's events
    std::string word = {};
    milliseconds window{0};  // at most the request's ttl, so that what is remembered is still there
};
struct PublishRequest {
    std::vector<NewEvent> events = {};
    milliseconds ttl{0};
    std::string worker_id = {};
    std::vector<PublishOnce> once = {};  // in rising order, not overlapping
};
/// The i-th event of those that are new got `first_id + i`, created at `first_us + i` (µs since 1970).
struct PublishReply {
    EventId first_id = 0;
    std::int64_t first_us = 0;
    /// What had been published before.
    struct Repeated {
        std::size_t unit = 0;  // of the request's `once`
        EventId first_id = 0;
        std::int64_t first_us = 0, count = 0;  // as it was published then
    };
    std::vector<Repeated> repeated = {};
};

// -- delivery --------------------------------------------------------------------------------------------------------
/// One event as it is stored, without its id's history.
struct StoredEvent {
    EventId id = 0;
    EventStatus status = EventStatus::pending;
    Timestamp created_at = {};
    std::string payload = {}, worker_id = {}, key = {};
    std::string headers = {};  // a JSON object, or empty
    int attempt = 0;
    std::string last_error = {}, processed_by = {};
    std::optional<Timestamp> started_at = {}, finished_at = {};
    std::vector<FailedAttempt> failures = {};  // not filled by a take
    std::string unreadable = {};               // why there is no payload; empty when there is one
};

struct TakeRequest {
    std::string group = {};
    int max = 1;                                // 1 to 1,000
    std::int64_t max_bytes = 16 * 1024 * 1024;  // of payloads; the first event may be larger
    milliseconds lease{10000};
    milliseconds ttl{0};  // for events that have to be given up
    std::string worker_id = {};
    int max_lost_leases = 3;  // then an event is given up; one short of it, it is handed out alone
    int holding = 0;          // how many events of the group the taker has already
};
/// An event that could not be handed out and is ERROR now.
struct RefusedEvent {
    EventId id = 0;
    std::string reason = {};
};
struct TakeReply {
    std::int64_t epoch = 0;                // of all events of this take
    std::vector<StoredEvent> events = {};  // in the order to run them; `attempt` is that of this run
    std::vector<RefusedEvent> refused = {};
    std::int64_t expired = 0;  // passed over because they were gone
    bool more = false;         // something takeable was left
    bool alone = false;        // the one event of this take is to be run while the worker holds no other
    bool alone_left = false;   // such events wait for a worker that holds nothing; `more` does not count them
};

/// What a taker holds: compared with the store's own record of (id, epoch).
struct Lease {
    EventId id = 0;
    std::int64_t epoch = 0;
};
enum class Verdict { processed, failed, retry, handed_back };
struct Settlement {
    Lease lease = {};
    Verdict verdict = Verdict::processed;
    std::string error = {};                                     // of `failed` and `retry`; kept up to 4,096 bytes
    std::chrono::microseconds started_ago{0}, finished_ago{0};  // before this request: no clock of ours gets stored
    milliseconds delay{0};                                      // of `retry`: takeable again so long from now
};
struct SettleRequest {
    std::string group = {}, worker_id = {};
    milliseconds ttl{0};  // a given-up event is kept so long from now
    std::vector<Settlement> settlements = {};
};
struct RenewRequest {
    std::string group = {};
    milliseconds lease{10000};  // from now; never shortens a longer one
    std::vector<Lease> leases = {};
    Deadline deadline = {};
};
struct ProgressRequest {
    std::string group = {};
    Lease lease = {};
    double fraction = 0;
    std::string note = {};
    Deadline deadline = {};
};
/// For each lease of the request, in its order: whether it was still this taker's.
using StillHeld = std::vector<bool>;

/// What became of one event that somebody retried or discarded by hand.
enum class ByHand { done, unchanged, gone };
struct RetryRequest {
    std::vector<EventId> ids = {};
    milliseconds ttl{0};       // the events are kept at least so long from now
    bool delayed_too = false;  // what waits for its next attempt is takeable now, too
};
struct DiscardRequest {
    std::vector<EventId> ids = {};
    milliseconds ttl{0};
    std::string worker_id = {}, reason = {};
};

struct UpkeepRequest {
    std::string group = {};                  // empty: none to look for
    std::vector<SubscriberInfo> alive = {};  // live subscribers of this worker
    milliseconds subscriber_ttl{0};          // until they count as gone without another upkeep
};
struct UpkeepReply {
    bool takeable = false;            // a take of `group` would find something
    std::int64_t leases_revoked = 0;  // so far, by `discard`: once it changes, somebody holds less than he thinks
};

// -- reading ---------------------------------------------------------------------------------------------------------
/// Events older than `before_us`, newest first.
struct SearchRequest {
    EventFilter filter = {};
    std::optional<std::int64_t> before_us = {};
    std::int64_t limit = 100;
};
struct SearchReply {
    std::vector<StoredEvent> events = {};
    std::optional<std::int64_t> next_before_us = {};  // nothing older matches: none
};

/// Whether the server can be reached, as far as is known at the moment.
enum class Presence {
    there,
    away,     // calls wait for it, up to their deadlines
    refused,  // it cannot be used as it is: calls fail at once
};

/// One queue in one store. Made by `Backend::open`; destroyed on the I/O thread.
class Store {
public:
    virtual ~Store() = default;

    /// All or nothing. After a failure it may have happened, unless that says `not_done`. At most 1,000 events a call.
    virtual void publish(PublishRequest, Deadline, Callback<PublishReply>) = 0;

    /// Leases up to `max` events to the caller. The group is made, from the earliest event on, if there is none.
    virtual void take(TakeRequest, Callback<TakeReply>) = 0;
    virtual void settle(SettleRequest, Callback<StillHeld>) = 0;
    virtual void renew(RenewRequest, Callback<StillHeld>) = 0;
    virtual void progress(ProgressRequest, Callback<StillHeld>) = 0;

    /// Events that were given up become takeable again, in each group that gave them up, with all their attempts. At
    /// most 100 a call. For each id, in order, what became of it.
    virtual void retry(RetryRequest, Deadline, Callback<std::vector<ByHand>>) = 0;
    /// Gives events up, in each group that has not processed them yet; their leases are lost. As `retry`.
    virtual void discard(DiscardRequest, Deadline, Callback<std::vector<ByHand>>) = 0;

    /// Once a second by every worker: heartbeats, cleaning up what expired, and a look for missed work.
    virtual void upkeep(UpkeepRequest, Callback<UpkeepReply>) = 0;
    virtual void remove_subscribers(std::vector<std::string> ids, Callback<Done>) = 0;

    /// Calls `woken` each time something may have become takeable for the group, and after every reconnect, until
    /// `stop_waiting`. At most one wait per group. A marker that arrives for nobody is passed on.
    virtual void wait(std::string group, std::function<void()> woken) = 0;
    virtual void stop_waiting(const std::string& group) = 0;
    /// Wakes one of those that wait: there is something to take for which the caller has no room.
    virtual void nudge(const std::string& group) = 0;

    virtual void get(std::vector<EventId>, Deadline, Callback<std::vector<std::optional<StoredEvent>>>) = 0;
    virtual void search(SearchRequest, Deadline, Callback<SearchReply>) = 0;
    virtual void count(EventFilter, Deadline, Callback<std::int64_t>) = 0;
    /// Without `by_status` that part is zeros, and the rest is of one moment and cheap.
    virtual void stats(bool by_status, Deadline, Callback<QueueStats>) = 0;
    /// All live subscribers of all processes, by id. At most 10,000.
    virtual void subscribers(Deadline, Callback<std::vector<SubscriberInfo>>) = 0;
    virtual void subscriber(std::string id, Deadline, Callback<std::optional<SubscriberInfo>>) = 0;

    /// Notices of the channel, from when `ready` is called, until `unwatch`; `gap` each time some may have been missed.
    struct Watcher {
        std::function<void(EventNotice)> notice = {};
        std::function<void()> gap = {};
    };
    virtual void watch(std::uint64_t token, Watcher, Callback<Done> ready) = 0;
    virtual void unwatch(std::uint64_t token) = 0;

    /// Calls `reconnected` after each time the server was lost and is usable again (never for the first connect).
    virtual void on_reconnect(std::function<void()> reconnected) = 0;

    virtual Presence presence() const = 0;
    /// What is wrong with the connection, or was last, in words.
    virtual std::string trouble() const = 0;
    /// Calls `changed` each time `presence` may have changed.
    virtual void on_presence(std::function<void()> changed) = 0;

    /// Puts the type into the registry.
    virtual void add_type(Deadline, Callback<Done>) = 0;
};

/// A Redis client, or a store in memory: what queues are opened on. Every function may be called from any thread.
class Backend : public std::enable_shared_from_this<Backend> {
public:
    virtual ~Backend() = default;

    /// The one thread that owns all stores of this backend.
    virtual IoThread& io() = 0;

    /// "redis 127.0.0.1:6379/0": for messages; never a password.
    virtual std::string describe() const = 0;

    /// Answers once the server is usable, or with why not: at once for what waiting will not mend (a wrong password, no
    /// such database, no Redis), else when the deadline passes. Callback on the I/O thread.
    virtual void check(Deadline, Callback<Done>) = 0;
    virtual milliseconds connect_timeout() const = 0;
    /// How long a call of a user waits for its answer.
    virtual milliseconds command_timeout() const = 0;

    /// Callable on the I/O thread only.
    virtual std::unique_ptr<Store> open(QueueName, StoreSettings) = 0;
    virtual void list_types(std::string prefix, Deadline, Callback<std::vector<std::string>>) = 0;
    virtual void remove_type(QueueName, Deadline, Callback<Done>) = 0;

    /// Says that this C++ type uses this name, until as many `release`s; false where another type does already.
    bool claim(const QueueName&, std::type_index payload_type);
    void release(const QueueName&);

private:
    struct Claim {
        std::type_index payload_type;
        int users = 0;
    };
    std::mutex mutex_;
    std::map<std::string, Claim> claims_;  // by prefix and type, neither of which can hold a newline
};

}  // namespace eventy::detail
