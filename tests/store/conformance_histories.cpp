// Random histories of several workers and groups, against a model that knows for each event and group where it stands.
#include <algorithm>
#include <map>
#include <random>

#include "store/store_fixture.hpp"

namespace eventy::test {

namespace {

constexpr int max_lost_leases = 1000;  // the limit has cases of its own

/// Where an event stands for a group: in exactly one of these.
enum class Place { beyond_cursor, leased, overdue, delayed, dead, done, expired };

struct Standing {
    Place place = Place::beyond_cursor;
    std::int64_t epoch = 0;
    int lost = 0;
};

struct Taken {
    std::string group = {};
    Lease lease = {};
};

/// What the store has to agree with. The lease of a doomed take is overdue right after it.
class Model {
public:
    std::map<std::string, std::vector<Standing>> groups = {};
    std::vector<std::string> payloads = {};
    std::vector<bool> gone = {};
    std::vector<Taken> leases = {};  // all that were ever given
    std::int64_t last_epoch = 0;

    EventId last_id() const { return static_cast<EventId>(payloads.size()); }
    static std::size_t index(EventId id) { return static_cast<std::size_t>(id - 1); }
    Standing& standing(const std::string& group, EventId id) { return groups.at(group).at(index(id)); }

    std::vector<EventId> in(const std::string& group, Place place) const {
        std::vector<EventId> ids;
        for (EventId id = 1; id <= last_id(); ++id) {
            if (groups.at(group)[index(id)].place == place) {
                ids.push_back(id);
            }
        }
        return ids;
    }

    EventStatus status(EventId id) const {
        int pending = 0, processing = 0, error = 0;
        for (const auto& [name, standings] : groups) {
            switch (standings[index(id)].place) {
                case Place::beyond_cursor:
                case Place::delayed: ++pending; break;
                case Place::leased:
                case Place::overdue: ++processing; break;
                case Place::dead: ++error; break;
                case Place::done:
                case Place::expired: break;
            }
        }
        return error != 0        ? EventStatus::error
               : processing != 0 ? EventStatus::processing
               : pending != 0    ? EventStatus::pending
                                 : EventStatus::processed;
    }

    bool holds(const Taken& taken) {
        const Standing& standing = this->standing(taken.group, taken.lease.id);
        return (standing.place == Place::leased || standing.place == Place::overdue) &&
               standing.epoch == taken.lease.epoch;
    }
};

class RandomHistory {
public:
    RandomHistory(StoreBed& bed, std::vector<std::unique_ptr<Session>> sessions, std::uint64_t seed, bool expiring)
        : bed_(bed), sessions_(std::move(sessions)), random_(seed), expiring_(expiring) {}

    void run(int steps) {
        for (const char* const group : {"default", "mail"}) {
            if (group == std::string("default") || chance(2)) {
                ASSERT_TRUE(any().take(1, long_lease, group).events.empty());
                model_.groups[group];
            }
        }
        for (int step = 0; step < steps; ++step) {
            switch (below(8)) {
                case 0:
                case 1: publish(); break;
                case 2:
                case 3:
                case 4: take(); break;
                case 5:
                case 6: settle(); break;
                default: renew(); break;
            }
            if (::testing::Test::HasFatalFailure()) {
                return;
            }
            if (step % 5 == 4) {
                compare();
            }
            if (::testing::Test::HasFatalFailure()) {
                return;
            }
        }
        compare();
    }

    Model& model() { return model_; }
    Session& any() { return *sessions_[static_cast<std::size_t>(below(static_cast<int>(sessions_.size())))]; }

    /// Takes what is left for each group, so that it has passed everything that expired.
    void drain() {
        for (const auto& [group, standings] : model_.groups) {
            for (int takes = 0; takes < 100; ++takes) {
                const TakeReply taken = any().take(100, long_lease, group);
                if (taken.events.empty() && taken.refused.empty() && !taken.more) {
                    break;
                }
            }
        }
    }

private:
    int below(int limit) { return static_cast<int>(random_() % static_cast<std::uint64_t>(limit)); }
    bool chance(int one_in) { return below(one_in) == 0; }
    const std::string& any_group() {
        return std::next(model_.groups.begin(), below(static_cast<int>(model_.groups.size())))->first;
    }

    void publish() {
        const int count = 1 + below(5);
        const bool goes = expiring_ && chance(3);
        std::vector<std::string> payloads;
        for (int i = 0; i < count; ++i) {
            payloads.push_back(std::string(static_cast<std::size_t>(below(40)), 'a') +
                               std::to_string(random_() % 1000));
        }
        const auto ids = any().publish(payloads, goes ? doomed : long_ttl);
        for (int i = 0; i < count; ++i) {
            ASSERT_EQ(ids[static_cast<std::size_t>(i)], model_.last_id() + 1);
            model_.payloads.push_back(payloads[static_cast<std::size_t>(i)]);
            model_.gone.push_back(goes);
            for (auto& [name, standings] : model_.groups) {
                standings.push_back({goes ? Place::expired : Place::beyond_cursor});
            }
        }
        if (goes) {
            bed_.pass(doomed_for);
        }
    }

    void take() {
        const std::string group = any_group();
        TakeRequest request;
        request.group = group;
        request.max = 1 + below(6);
        request.max_lost_leases = max_lost_leases;
        request.lease = chance(3) ? doomed : long_lease;
        if (chance(4)) {
            request.max_bytes = 1 + below(80);
        }
        const auto overdue = model_.in(group, Place::overdue), delayed = model_.in(group, Place::delayed),
                   fresh = model_.in(group, Place::beyond_cursor);
        const TakeReply reply = any().take(request);
        check_refused(reply, group, overdue);
        check_taken(reply, request, overdue, delayed, fresh);
        if (::testing::Test::HasFatalFailure()) {
            return;
        }
        for (const StoredEvent& event : reply.events) {
            Standing& standing = model_.standing(group, event.id);
            standing.lost += standing.place == Place::overdue ? 1 : 0;
            standing.place = request.lease == doomed ? Place::overdue : Place::leased;
            standing.epoch = reply.epoch;
            model_.leases.push_back({group, {event.id, reply.epoch}});
        }
        const std::size_t left =
            overdue.size() + delayed.size() + fresh.size() - reply.events.size() - reply.refused.size();
        if (!expiring_ || left > 0) {
            ASSERT_EQ(reply.more, left > 0) << left << " are left";
        }
        if (request.lease == doomed) {
            bed_.pass(doomed_for);
        }
    }

    void check_refused(const TakeReply& reply, const std::string& group, const std::vector<EventId>& overdue) {
        for (const RefusedEvent& refused : reply.refused) {
            ASSERT_TRUE(std::find(overdue.begin(), overdue.end(), refused.id) != overdue.end()) << refused.id;
            ASSERT_EQ(model_.standing(group, refused.id).lost, max_lost_leases - 1) << refused.id;
            ASSERT_EQ(refused.reason, "lost its lease 3 times");
            model_.standing(group, refused.id).place = Place::dead;
        }
    }

    /// First overdue, then delayed (which leave about half of the take to new ones), then new, these in order.
    void check_taken(const TakeReply& reply, const TakeRequest& request, const std::vector<EventId>& overdue,
                     const std::vector<EventId>& delayed, const std::vector<EventId>& fresh) {
        const auto max = static_cast<std::size_t>(request.max);
        std::size_t from_overdue = 0, from_delayed = 0, from_fresh = 0;
        std::int64_t bytes = 0;
        int stage = 0;
        for (const StoredEvent& event : reply.events) {
            const Standing& standing = model_.standing(request.group, event.id);
            const int its_stage = standing.place == Place::overdue         ? 0
                                  : standing.place == Place::delayed       ? 1
                                  : standing.place == Place::beyond_cursor ? 2
                                                                           : -1;
            ASSERT_GE(its_stage, 0) << event.id << " was not takeable";
            ASSERT_GE(its_stage, stage) << event.id << " comes too late";
            stage = its_stage;
            if (its_stage == 0) {
                ASSERT_LT(standing.lost, max_lost_leases - 1) << event.id << " should have been refused";
                ++from_overdue;
            } else if (its_stage == 1) {
                ++from_delayed;
            } else {
                ASSERT_EQ(event.id, fresh[from_fresh]) << "not in the order of publishing";
                ++from_fresh;
            }
            ASSERT_EQ(event.payload, model_.payloads[Model::index(event.id)]) << event.id;
            ASSERT_EQ(event.status, EventStatus::processing);
            ASSERT_EQ(event.attempt, 1);
            bytes += static_cast<std::int64_t>(event.payload.size());
        }
        ASSERT_LE(reply.events.size(), max);
        if (!reply.events.empty()) {
            ASSERT_GT(reply.epoch, model_.last_epoch);
            model_.last_epoch = reply.epoch;
        }
        if (bytes > request.max_bytes) {
            ASSERT_EQ(reply.events.size(), 1u) << "over the budget of " << request.max_bytes << " bytes";
        }
        if (request.max_bytes < 1000) {
            const bool something = delayed.size() + fresh.size() > 0 || overdue.size() > reply.refused.size();
            ASSERT_TRUE(!something || !reply.events.empty() || reply.refused.size() >= max);
            return;
        }
        ASSERT_GE(from_overdue + reply.refused.size(), std::min(max, overdue.size()));
        const std::size_t room = max - from_overdue;
        ASSERT_GE(from_delayed, std::min({room, delayed.size(), max / 2}));
        if (fresh.empty() && !expiring_) {
            ASSERT_EQ(from_delayed, std::min(room, delayed.size()));
        }
        ASSERT_EQ(from_fresh, std::min(room - from_delayed, fresh.size()));
    }

    /// Some of all leases that were ever given, the late ones rather than the early ones.
    std::vector<Taken> some_leases(const std::string& group) {
        std::vector<Taken> some;
        const int count = static_cast<int>(model_.leases.size());
        for (int i = 0; i < 1 + below(5) && count > 0; ++i) {
            Taken taken = model_.leases[static_cast<std::size_t>(count - 1 - below(std::min(count, 12)))];
            if (taken.group != group) {
                continue;
            }
            taken.lease.epoch += chance(20) ? 1 : 0;
            some.push_back(taken);
        }
        return some;
    }

    void settle() {
        const std::string group = any_group();
        SettleRequest request;
        request.group = group;
        StillHeld expected;
        for (const Taken& taken : some_leases(group)) {
            const Verdict verdict = chance(3) ? Verdict::handed_back : chance(3) ? Verdict::failed : Verdict::processed;
            request.settlements.push_back({taken.lease, verdict, "it failed"});
            expected.push_back(model_.holds(taken));
            if (expected.back()) {
                Standing& standing = model_.standing(group, taken.lease.id);
                standing.place = verdict == Verdict::processed ? Place::done
                                 : verdict == Verdict::failed  ? Place::dead
                                                               : Place::delayed;
            }
        }
        if (!expected.empty()) {
            ASSERT_EQ(any().settle(request), expected);
        }
    }

    void renew() {
        const std::string group = any_group();
        RenewRequest request{group, chance(2) ? doomed : long_lease, {}};
        StillHeld expected;
        for (const Taken& taken : some_leases(group)) {
            request.leases.push_back(taken.lease);
            expected.push_back(model_.holds(taken));
            if (expected.back() && request.lease == long_lease) {
                model_.standing(group, taken.lease.id).place = Place::leased;
            }
        }
        if (expected.empty()) {
            return;
        }
        ASSERT_EQ(any().renew(request), expected);
        const Taken one{group, request.leases.back()};
        ASSERT_EQ(any().progress(one.lease.id, one.lease.epoch, 0.5, {}, group), model_.holds(one));
        if (request.lease == doomed) {
            bed_.pass(doomed_for);
        }
    }

    void compare() {
        Session& session = any();
        std::vector<EventId> ids, there;
        std::map<EventStatus, std::vector<EventId>> by_status;
        for (EventId id = 1; id <= model_.last_id(); ++id) {
            ids.push_back(id);
        }
        const auto stored = session.get(ids);
        for (EventId id = model_.last_id(); id >= 1; --id) {
            const auto& event = stored[Model::index(id)];
            ASSERT_EQ(event.has_value(), !model_.gone[Model::index(id)]) << id;
            if (event) {
                ASSERT_EQ(event->status, model_.status(id)) << id;
                ASSERT_EQ(event->payload, model_.payloads[Model::index(id)]) << id;
                there.push_back(id);
                by_status[event->status].push_back(id);
            }
        }
        ASSERT_EQ(ids_of(session.search_all({}, 1 + below(50))), there);
        const EventStatus status = static_cast<EventStatus>(below(4));
        ASSERT_EQ(ids_of(session.search_all({.status = status}, 1 + below(50))), by_status[status]) << status;
        const QueueStats stats = session.stats();
        ASSERT_EQ(stats.last_id, model_.last_id());
        ASSERT_EQ(stats.groups.size(), model_.groups.size());
        if (expiring_) {
            return;  // the counts are right when what expired has been cleaned up
        }
        ASSERT_EQ(session.count({.status = status}), static_cast<std::int64_t>(by_status[status].size())) << status;
        ASSERT_EQ(stats.by_status.at(status), static_cast<std::int64_t>(by_status[status].size())) << status;
        for (const auto& [group, standings] : model_.groups) {
            const auto fresh = model_.in(group, Place::beyond_cursor), delayed = model_.in(group, Place::delayed);
            ASSERT_EQ(stats.groups.at(group).lag, static_cast<std::int64_t>(fresh.size() + delayed.size())) << group;
            ASSERT_EQ(stats.groups.at(group).oldest_pending.has_value(), !fresh.empty() || !delayed.empty()) << group;
            const bool takeable = !fresh.empty() || !delayed.empty() || !model_.in(group, Place::overdue).empty();
            ASSERT_EQ(session.upkeep(group), takeable) << group;
        }
        ASSERT_EQ(stats.expired, 0);
    }

    StoreBed& bed_;
    std::vector<std::unique_ptr<Session>> sessions_;
    std::mt19937_64 random_;
    const bool expiring_;
    Model model_;
};

}  // namespace

TEST_P(StoreConformance, RandomHistoriesAgreeWithTheModel) {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        SCOPED_TRACE("history of seed " + std::to_string(seed));
        next_queue();
        std::vector<std::unique_ptr<Session>> sessions;
        sessions.push_back(open());
        sessions.push_back(open());
        RandomHistory(bed(), std::move(sessions), seed, false).run(40);
        if (HasFailure()) {
            return;
        }
    }
}

TEST_P(StoreConformance, RandomHistoriesWithExpiringEventsAgreeWithTheModel) {
    for (std::uint64_t seed = 1001; seed <= 1150; ++seed) {
        SCOPED_TRACE("history of seed " + std::to_string(seed));
        next_queue();
        std::vector<std::unique_ptr<Session>> sessions;
        sessions.push_back(open());
        sessions.push_back(open());
        RandomHistory history(bed(), std::move(sessions), seed, true);
        history.run(40);
        if (HasFailure()) {
            return;
        }
        history.drain();
        std::int64_t expired = 0;
        for (const auto& [group, standings] : history.model().groups) {
            expired += static_cast<std::int64_t>(history.model().in(group, Place::expired).size());
        }
        ASSERT_TRUE(eventually(history.any(), [&] { return history.any().stats().expired == expired; }))
            << history.any().stats().expired << " instead of " << expired;
        const auto& gone = history.model().gone;
        const auto there = std::count(gone.begin(), gone.end(), false);
        ASSERT_TRUE(eventually(history.any(), [&] { return history.any().count() == there; }))
            << history.any().count() << " instead of " << there;
    }
}

}  // namespace eventy::test
