// One queue in memory: its events, and what each group did with them.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "memory/group_state.hpp"
#include "store/store.hpp"

namespace eventy::memory {

using namespace detail;

/// What a call wants told to others. `wake`: groups that have something to take now; `quiet`: groups that have not.
struct Signals {
    std::vector<EventNotice> notices = {};
    std::vector<std::string> wake = {}, quiet = {};
};

/// Why an event with this payload is not handed out; empty when it is not too large.
std::string too_large(const StoredEvent&, std::int64_t max_payload);

/// The state of one queue and its transitions, the same as the scripts of the Redis store. Plain and synchronous: `now`
/// is an argument (µs since 1970), and nothing happens between calls: what has expired by `now` is dropped at the start
/// of each call. Not thread-safe.
class QueueState {
public:
    // A larger payload than `max_payload` makes the event ERROR to a take, and unreadable to a reader.
    static constexpr std::int64_t usual_max_payload = StoreSettings().max_payload_bytes;

    PublishReply publish(PublishRequest, std::int64_t now);
    TakeReply take(const TakeRequest&, std::int64_t now, std::int64_t max_payload = usual_max_payload);
    StillHeld settle(const SettleRequest&, std::int64_t now);
    StillHeld renew(const RenewRequest&, std::int64_t now);
    StillHeld progress(const ProgressRequest&, std::int64_t now);
    std::vector<ByHand> retry(const RetryRequest&, std::int64_t now);
    std::vector<ByHand> discard(const DiscardRequest&, std::int64_t now);
    UpkeepReply upkeep(const UpkeepRequest&, std::int64_t now);
    void remove_subscribers(const std::vector<std::string>& ids);
    /// Somebody is about to work for the group: the group `default` exists from then on.
    void joined(const std::string& group);

    std::vector<std::optional<StoredEvent>> get(const std::vector<EventId>&, std::int64_t now,
                                                std::int64_t max_payload = usual_max_payload);
    SearchReply search(const SearchRequest&, std::int64_t now, std::int64_t max_payload = usual_max_payload);
    std::int64_t count(const EventFilter&, std::int64_t now);
    QueueStats stats(std::int64_t now);
    std::vector<SubscriberInfo> subscribers(std::int64_t now);
    std::optional<SubscriberInfo> subscriber(const std::string& id, std::int64_t now);

    /// What the calls since the last one of this want told.
    Signals take_signals() { return std::exchange(signals_, {}); }

private:
    /// An event's place in the order of publishing. Ids and stamps rise together, so that one order finds it by either.
    struct Position {
        EventId id = 0;
        std::int64_t us = 0;
    };
    struct Moment {
        std::int64_t us = 0;
    };
    struct InOrder {
        using is_transparent = void;
        bool operator()(Position a, Position b) const { return a.id < b.id; }
        bool operator()(Position a, EventId b) const { return a.id < b; }
        bool operator()(EventId a, Position b) const { return a < b.id; }
        bool operator()(Position a, Moment b) const { return a.us < b.us; }
        bool operator()(Moment a, Position b) const { return a.us < b.us; }
    };
    struct Event {
        StoredEvent stored = {};  // `status` is the one over all groups
        std::int64_t expires_us = 0;
        bool discarded = false;
        std::map<std::string, std::string> leased_by = {};  // by group
        double progress = 0;
        std::string progress_note = {};
    };
    struct LiveSubscriber {
        SubscriberInfo info = {};
        std::int64_t until = 0;
    };
    using Events = std::map<Position, Event, InOrder>;
    using Positions = std::set<Position, InOrder>;

    void expire(std::int64_t now);
    /// What was published before, and takes these events out of the request; remembers the rest.
    std::vector<PublishReply::Repeated> sort_out_repeated(PublishRequest&, EventId first_id, std::int64_t first_us,
                                                          std::int64_t now);
    GroupState& group(const std::string& name);
    GroupState* find_group(const std::string& name);
    struct Taking;
    bool take_one(Taking&, EventId);
    bool refuse_too_large(Taking&, Event&);
    void take_due(Taking&, bool ran_out, std::int64_t most);
    EventId next_beyond(const GroupState&) const;
    void add_failure(Event&, const std::string& group, const std::string& worker_id, int attempt,
                     const std::string& error, std::int64_t now);
    bool settle_one(GroupState&, const SettleRequest&, const Settlement&, std::int64_t now);
    void give_up(Event&, GroupState&, const std::string& reason, const std::string& worker_id, std::int64_t keep_until);
    void keep_until(Event&, std::int64_t us);
    EventStatus overall_status(EventId) const;
    /// Brings `stored.status` and the sets of positions up to date after a transition.
    void refresh(Event&, const std::string& worker_id);
    void wake_if_idle(const std::string& name, GroupState&);

    Event* find(EventId);
    Positions& with_status(EventStatus status) { return by_status_[static_cast<std::size_t>(status)]; }
    void forget_gone_subscribers(std::int64_t now);

    Events events_;
    std::array<Positions, 4> by_status_;  // so that a search by status costs its page
    std::set<std::pair<std::int64_t, EventId>> expiry_;
    std::map<std::string, GroupState> groups_;
    std::map<std::string, LiveSubscriber> subscribers_;
    /// A unit that was published under a word.
    struct Published {
        EventId first_id = 0;
        std::int64_t first_us = 0, count = 0, until = 0;
    };
    std::map<std::string, Published> once_;
    std::set<std::pair<std::int64_t, std::string>> once_until_;
    EventId last_id_ = 0;
    std::int64_t last_us_ = 0, last_epoch_ = 0, leases_revoked_ = 0;
    Signals signals_;
};

}  // namespace eventy::memory
