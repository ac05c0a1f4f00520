// The states of an (event, group) as a reference: what a queue has to do, in the plainest words.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "store/store.hpp"

namespace eventy::test {

using namespace detail;

/// Where an event stands for a group: in exactly one of these. `gone`: it expired before the group had processed it.
enum class Place { beyond_cursor, leased, delayed, dead, done, gone };

struct Standing {
    Place place = Place::beyond_cursor;
    std::int64_t epoch = 0;
    std::int64_t until = 0;  // the lease's end, or when it is due
    int lost = 0, attempt = 1;
};

struct ModelEvent {
    std::string payload = {};
    std::int64_t created_us = 0, expires_us = 0;
    bool expired = false;
    std::map<std::string, Standing> in = {};  // by group
};

/// One queue. Times are µs since 1970, and an argument, as in the stores. No limits, no sets, no clean-up: every
/// question is answered by a walk over all events.
class Model {
public:
    /// It begins at the earliest event that is there.
    void join(const std::string& group);

    PublishReply publish(const PublishRequest&, std::int64_t now);
    TakeReply take(const TakeRequest&, std::int64_t now);
    StillHeld settle(const SettleRequest&, std::int64_t now);
    StillHeld renew(const RenewRequest&, std::int64_t now);
    StillHeld progress(const ProgressRequest&, std::int64_t now);
    std::vector<ByHand> retry(const RetryRequest&, std::int64_t now);
    std::vector<ByHand> discard(const DiscardRequest&, std::int64_t now);

    /// Drops what has expired by now. Leases on events that are gone go on until they run out; those are returned.
    std::map<std::string, std::vector<Lease>> expire(std::int64_t now);

    const std::vector<std::string>& groups() const { return groups_; }
    EventId last_id() const { return static_cast<EventId>(events_.size()); }
    const ModelEvent& event(EventId id) const { return events_.at(static_cast<std::size_t>(id - 1)); }
    bool exists(EventId id) const { return id >= 1 && id <= last_id() && !event(id).expired; }
    const Standing& standing(const std::string& group, EventId id) const { return event(id).in.at(group); }
    EventStatus status(EventId) const;
    /// Newest first.
    std::vector<EventId> with_status(std::optional<EventStatus>) const;
    std::vector<EventId> in(const std::string& group, Place) const;
    std::int64_t expired() const { return expired_; }
    /// The last id that the group has passed.
    EventId cursor(const std::string& group) const {
        const auto found = cursors_.find(group);
        return found == cursors_.end() ? 0 : found->second;
    }
    /// Of what came after a group had joined and was given up before it reached it; not among `expired`.
    std::int64_t expired_discarded() const { return expired_discarded_; }
    /// Of what was there when a group joined, and expired before it reached it; among `expired`.
    std::int64_t expired_before_reached() const { return expired_before_reached_; }
    /// All groups have passed what was there when they joined.
    bool all_caught_up() const;
    /// Somebody holds a lease on an event that expired.
    bool holds_gone() const;
    /// Something is there that is older than the longest TTL that anything was published with.
    bool outlived(std::int64_t now) const;
    /// Something is there for a take, by a worker that holds nothing.
    bool takeable(const std::string& group, std::int64_t now, bool lost_leases_too = true) const;
    /// A take by a worker that holds something would find it, and no passing of time made it so: somebody must have
    /// been woken for it.
    bool owed_a_wake(const std::string& group, int max_lost_leases) const;
    std::optional<EventId> oldest_pending(const std::string& group) const;

private:
    struct Taking;

    ModelEvent& at(EventId id) { return events_.at(static_cast<std::size_t>(id - 1)); }
    Standing* held_by(const std::string& group, const Lease&);
    std::vector<EventId> due(const std::string& group, Place, std::int64_t now) const;
    void take_due(Taking&, Place, std::int64_t most);
    bool take_one(Taking&, EventId);

    std::vector<std::string> groups_;
    std::vector<ModelEvent> events_;
    std::map<std::string, EventId> cursors_, joined_at_;
    std::int64_t last_us_ = 0, last_epoch_ = 0, longest_ttl_us_ = 0;
    std::int64_t expired_ = 0, expired_discarded_ = 0, expired_before_reached_ = 0;
};

}  // namespace eventy::test
