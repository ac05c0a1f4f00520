// One consumer group of a queue in memory.
#pragma once
#include <cstdint>
#include <eventy/records.hpp>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "store/store.hpp"

namespace eventy::memory {

using detail::Lease;

/// Where every event stands for one group: beyond the cursor, leased, delayed, dead, or (in none of these) done. Which
/// events exist at all is the queue's knowledge; it says so through `published` and `expired`. Times are µs since 1970.
class GroupState {
public:
    /// A group from behind `cursor` on, with `backlog` events there.
    GroupState(EventId cursor, std::int64_t backlog) : cursor_(cursor), backlog_(backlog) {}

    EventStatus status(EventId) const;
    bool holds(const Lease&) const;

    /// The lease that ran out first; a delayed event that is due, in the order of due times and ids.
    std::optional<EventId> overdue(std::int64_t now) const;
    std::optional<EventId> due(std::int64_t now) const;
    bool takeable(std::int64_t now) const { return overdue(now) || due(now) || backlog_ > 0; }
    EventId cursor() const { return cursor_; }
    /// Existing events beyond the cursor, and the delayed.
    std::int64_t backlog() const { return backlog_; }
    std::int64_t lag() const { return backlog_ + static_cast<std::int64_t>(delayed_.size()); }
    std::optional<EventId> oldest_delayed() const;
    /// How often a worker let the event's lease run out, the present one left out.
    int lost_leases(EventId) const;

    void published(std::int64_t count) { backlog_ += count; }
    /// Moves the cursor over everything up to this event and leases it.
    void lease_beyond_cursor(EventId, std::int64_t epoch, std::int64_t until);
    /// A lease that ran out goes to another taker, and counts as lost.
    void lease_overdue(EventId, std::int64_t epoch, std::int64_t until);
    void lease_delayed(EventId, std::int64_t epoch, std::int64_t until);
    /// Never shortens.
    void extend(EventId, std::int64_t until);

    // What ends a lease.
    void finish(EventId);
    void give_up(EventId);
    void hand_back(EventId);

    /// The event is gone. A lease on it goes on, since its taker may yet settle it, until it runs out.
    void expired(EventId);
    /// Ends the leases on events that are gone that ran out; and one that its taker gave up.
    void drop_overdue_orphans(std::int64_t now);
    void drop(EventId);
    std::int64_t expired_count() const { return expired_; }
    /// How many expired since the last call of this.
    std::int64_t take_unreported();

    /// Waits to be woken; see design: the set `idle`.
    bool idle = false;

private:
    enum class Kind { leased, orphaned, delayed };  // orphaned: leased, and the event is gone
    struct Hold {
        std::int64_t epoch = 0;
        std::int64_t until = 0;  // the lease's end, or when it is due
        int lost = 0;
        Kind kind = Kind::leased;
    };
    using Queue = std::set<std::pair<std::int64_t, EventId>>;

    Queue& queue_of(Kind);
    void put(EventId, Hold&, std::int64_t epoch, std::int64_t until);
    Hold release(EventId);
    void count_expired();

    EventId cursor_;
    std::int64_t backlog_;
    std::map<EventId, Hold> held_;
    Queue leases_, orphans_, delayed_;  // what is held, by kind and `until`
    std::set<EventId> dead_;
    std::int64_t expired_ = 0, unreported_ = 0;
};

}  // namespace eventy::memory
