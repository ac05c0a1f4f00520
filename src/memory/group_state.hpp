// One consumer group of a queue in memory.
#pragma once
#include <algorithm>
#include <cstdint>
#include <eventy/records.hpp>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

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

    /// The first so many leases that ran out; delayed events that are due, in the order of due times and ids.
    std::vector<EventId> overdue(std::int64_t now, std::size_t most) const { return first_of(leases_, now, most); }
    std::vector<EventId> due(std::int64_t now, std::size_t most) const { return first_of(delayed_, now, most); }
    bool takeable(std::int64_t now) const;
    EventId cursor() const { return cursor_; }
    /// Existing events beyond the cursor; with the delayed: what the group has yet to process, but for what is leased.
    std::int64_t backlog() const { return backlog_; }
    std::int64_t lag() const { return backlog_ + static_cast<std::int64_t>(delayed_.size()); }
    std::int64_t leased() const { return static_cast<std::int64_t>(leases_.size() + orphans_.size()); }
    std::optional<EventId> oldest_delayed() const;
    /// How many leases of the event will have been lost when it is taken now, and which attempt that will be.
    int lost_leases(EventId) const;
    int attempt(EventId) const;

    void published(std::int64_t count) { backlog_ += count; }
    /// From wherever it is takeable: beyond the cursor, which moves over everything up to it; delayed; or leased, where
    /// that lease counts as lost.
    void lease(EventId, std::int64_t epoch, std::int64_t until);
    /// The cursor moves there: nothing up to it is left to be taken from beyond the cursor.
    void pass(EventId last) { cursor_ = std::max(cursor_, last); }
    /// Never shortens.
    void extend(EventId, std::int64_t until);

    // What ends a lease.
    void finish(EventId);
    void give_up(EventId);
    void hand_back(EventId);
    /// Its next attempt is due then.
    void retry_at(EventId, std::int64_t due);

    // By hand; false: not in such a state.
    /// Given up from wherever it is, unless it is done or dead.
    bool discard(EventId);
    /// Given-up ones are takeable again, as new.
    bool revive(EventId);
    /// Delayed ones that are not due yet are due at once.
    bool hasten(EventId, std::int64_t now);
    bool is_dead(EventId id) const { return dead_.contains(id); }

    /// The event is gone. A lease on it goes on, since its taker may yet settle it, until it runs out.
    void expired(EventId);
    /// Ends those leases on events that are gone that ran out.
    void drop_overdue_orphans(std::int64_t now);
    /// Ends what is held of an event that is gone and that nobody processed.
    void drop(EventId);
    std::int64_t expired_count() const { return expired_; }
    /// How many expired since the last call of this.
    std::int64_t take_unreported();

    /// The last take left nothing: the next thing to take is worth a wake-up.
    bool idle = false;

private:
    enum class Kind { leased, orphaned, delayed };  // orphaned: leased, and the event is gone
    struct Hold {
        std::int64_t epoch = 0;
        std::int64_t until = 0;  // the lease's end, or when it is due
        int lost = 0, attempt = 1;
        Kind kind = Kind::leased;
    };
    using Queue = std::set<std::pair<std::int64_t, EventId>>;

    static std::vector<EventId> first_of(const Queue&, std::int64_t now, std::size_t most);
    Queue& queue_of(Kind);
    void delay(EventId, Hold, std::int64_t due);
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
