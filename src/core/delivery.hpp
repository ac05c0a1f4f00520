// What a worker of a group does next: take, wait, renew. A plain state machine: no thread, socket or clock of its own.
#pragma once
#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "store/store.hpp"

namespace eventy::detail {

using SteadyTime = std::chrono::steady_clock::time_point;
using SteadyDuration = std::chrono::steady_clock::duration;

/// Holds what this worker has leased, and how far each is. The caller tells what happened and then asks what to do;
/// each question that gives work to do marks it as begun.
class Delivery {
public:
    struct Settings {
        int concurrency = 1;
        SteadyDuration lease = std::chrono::seconds(10);
        /// How much work may lie ready beside what runs: so long a time's worth of it, as fast as it went lately.
        SteadyDuration prefetch = std::chrono::milliseconds(20);
        int most_held = 1000;
        /// How long such that wait to be alone may be passed over before this worker lets what it holds run out. Not
        /// the same for all workers of a group, or all would stop at once.
        SteadyDuration drain_after = lease;
    };
    explicit Delivery(Settings settings) : settings_(settings) {}

    // -- what happened --------------------------------------------------------------------------------------------
    void start();        // there are subscribers: take
    void stop();         // take nothing more
    void look();         // something may be takeable: a marker came, or upkeep says so
    void reconnected();  // renew what is held, then take
    /// `alone`: the one lease of this take is to be worked on while nothing else is held. `alone_left`: such events
    /// wait for a worker that holds nothing; after `drain_after` of that, this one lets what it holds run out, for a
    /// lease's time at first. Where that is too short for its handlers, it works on for four times as long, then tries
    /// again with twice the time: long handlers make no worker deaf for long, and such an event comes to run for all
    /// that.
    void taken(SteadyTime sent, const std::vector<Lease>&, bool more, bool alone = false, bool alone_left = false);
    void take_failed();
    void finished(Lease, SteadyDuration service_time);  // its handlers are done: to be settled
    void given_back(Lease);                             // it never began: to be settled as handed back
    void still_running(SteadyDuration);                 // one that was begun so long ago
    void settled(Lease);                                // whatever the answer was: it is no longer held
    /// Tells which of them are lost though their handlers are not done; they are no longer held.
    std::vector<Lease> renewed(SteadyTime sent, const std::vector<Lease>&, const StillHeld&);
    void renewal_failed(SteadyTime now);  // tried again after a while
    void leases_revoked();                // of somebody: ask at once which are still held
    void tick(SteadyTime now);            // once a second: what failed is tried again, a drain that takes too long ends
    /// A handler runs on though its event is settled or lost: its thread is not free for another one.
    void lingering() { ++lingering_; }
    void lingering_ended() { --lingering_; }
    /// So many of the threads run what is not this worker's, or are kept for that.
    void busy_elsewhere(int threads) { busy_elsewhere_ = threads; }
    /// A delayed event is due then, by our own clock.
    void due_at(SteadyTime);
    /// Whether something is due now; it is told once.
    bool come_due(SteadyTime now);

    // -- what to do -----------------------------------------------------------------------------------------------
    /// How many events to take now; 0: none. After a positive answer one of `taken` and `take_failed` must follow.
    int next_take();
    /// Whether the worker should wait for a marker: idle, with room for more.
    bool wants_wait() const;
    /// Whether the worker should ask for one of the threads that others use: it would take for it, or wait.
    bool wants_thread() const;
    /// All that is held, when any of it is due for renewal. After a non-empty answer, `renewed` or `renewal_failed`.
    std::vector<Lease> next_renewal(SteadyTime now);
    /// When to ask that again if nothing happens before: a third of the lease after each renewal.
    std::optional<SteadyTime> next_renewal_at() const;

    // -- questions ------------------------------------------------------------------------------------------------
    bool active() const { return active_; }
    bool taking() const { return taking_; }
    std::size_t held() const { return held_.size(); }
    bool holds(Lease lease) const { return held_.contains(key(lease)); }
    /// Until when the lease surely holds, by our own clock, counted from when its last renewal was sent.
    std::optional<SteadyTime> lease_until(Lease) const;
    int window() const;
    /// Those that this worker can use.
    int threads() const;
    std::optional<SteadyTime> next_due() const;

private:
    // An id can be held twice for a moment, when its own lost lease was taken again: keyed by both.
    using Key = std::pair<EventId, std::int64_t>;
    struct Held {
        SteadyTime renewed{};
        bool finished = false;
    };
    static Key key(Lease lease) { return {lease.id, lease.epoch}; }
    bool must_wait_for_held() const;
    void look_once_free();
    void follow_drain(SteadyTime sent, bool alone_left);

    Settings settings_;
    std::map<Key, Held> held_;
    int unfinished_ = 0;
    double service_seconds_ = 0;  // moving average; 0: nothing known
    bool active_ = false;
    bool looking_ = false;  // a take might find something
    bool taking_ = false;
    bool take_failed_ = false;
    bool renewing_ = false;
    bool renew_now_ = false;
    SteadyTime no_renewal_before_{};  // after one that failed
    int lingering_ = 0, busy_elsewhere_ = 0;
    std::optional<Key> alone_;                    // held, and nothing beside it
    std::optional<SteadyTime> alone_left_since_;  // when a take first passed over such an event
    std::optional<SteadyTime> drain_until_;       // draining: takes nothing until nothing is held
    SteadyTime rest_until_{};                     // no drain before
    SteadyDuration drain_time_ = settings_.lease;
    std::set<SteadyTime> due_;
};

}  // namespace eventy::detail
