// Searching and counting: every filter, every page size, against looking at everything.
#include <random>
#include <set>

#include "store/brute_force.hpp"

namespace eventy::test {

namespace {

/// Leaves the queue with events in every status, in runs and alone. Returns the last id.
EventId fill(Session& session, StoreBed& bed, std::mt19937_64& random, int steps, const std::string& group) {
    const auto below = [&](std::uint64_t limit) { return static_cast<int>(random() % limit); };
    EventId last = 0;
    for (int step = 0; step < steps; ++step) {
        if (below(3) == 0) {
            last = session.publish(std::vector<std::string>(static_cast<std::size_t>(1 + below(12)), "x")).back();
            continue;
        }
        const TakeReply taken = session.take(1 + below(8), below(6) == 0 ? doomed : long_lease, group);
        bed.pass(doomed_for);
        SettleRequest settle;
        settle.group = group;
        const int habit = below(4);
        for (const StoredEvent& event : taken.events) {
            const int fate = habit == 3 ? below(4) : habit;
            if (fate == 3) {
                continue;  // stays leased
            }
            const Verdict verdicts[] = {Verdict::processed, Verdict::failed, Verdict::handed_back};
            settle.settlements.push_back({{event.id, taken.epoch}, verdicts[fate], "no"});
        }
        if (!settle.settlements.empty()) {
            session.settle(settle);
        }
    }
    return last;
}

EventFilter random_filter(const std::vector<StoredEvent>& events, std::mt19937_64& random) {
    const auto a_time = [&] {
        const Timestamp stamp = events[random() % events.size()].created_at;
        return stamp + std::chrono::microseconds(static_cast<std::int64_t>(random() % 3) - 1);
    };
    EventFilter filter;
    if (random() % 3 == 0) {
        filter.created_at_min = a_time();
    }
    if (random() % 3 == 0) {
        filter.created_at_max = a_time();
    }
    if (random() % 4 != 0) {
        filter.status = all_statuses[random() % 4];
    }
    return filter;
}

}  // namespace

TEST_P(StoreConformance, SearchIsNewestFirstInPagesOfTheLimit) {
    const auto session = open();
    session->publish(std::vector<std::string>(10, "x"));
    const SearchReply first = session->search({{}, std::nullopt, 4});
    EXPECT_EQ(ids_of(first.events), (std::vector<EventId>{10, 9, 8, 7}));
    ASSERT_TRUE(first.next_before_us);
    const SearchReply second = session->search({{}, first.next_before_us, 4});
    EXPECT_EQ(ids_of(second.events), (std::vector<EventId>{6, 5, 4, 3}));
    const SearchReply third = session->search({{}, second.next_before_us, 4});
    EXPECT_EQ(ids_of(third.events), (std::vector<EventId>{2, 1}));
    EXPECT_FALSE(third.next_before_us);
}

TEST_P(StoreConformance, SearchingNothingFindsNothing) {
    const auto session = open();
    EXPECT_TRUE(session->search_all().empty());
    EXPECT_EQ(session->count(), 0);
    for (const EventStatus status : all_statuses) {
        EXPECT_TRUE(session->search_all({.status = status}).empty()) << status;
        EXPECT_EQ(session->count({.status = status}), 0) << status;
        EXPECT_EQ(session->stats().by_status.at(status), 0) << status;
    }
    EXPECT_EQ(session->stats().last_id, 0);
}

TEST_P(StoreConformance, BothEndsOfTheTimeRangeAreIncluded) {
    const auto session = open();
    session->publish({"a", "b", "c", "d"});
    std::vector<Timestamp> at;
    for (const auto& event : session->get({1, 2, 3, 4})) {
        at.push_back(event->created_at);
    }
    const auto one = std::chrono::microseconds(1);
    const auto ids = [&](const EventFilter& filter) {
        const auto found = ids_of(session->search_all(filter));
        EXPECT_EQ(session->count(filter), static_cast<std::int64_t>(found.size()));
        return found;
    };
    EXPECT_EQ(ids({at[1], at[2]}), (std::vector<EventId>{3, 2}));
    EXPECT_EQ(ids({at[1], at[1]}), (std::vector<EventId>{2}));
    EXPECT_EQ(ids({at[1] + one, {}}), (std::vector<EventId>{4, 3}));
    EXPECT_EQ(ids({{}, at[2] - one}), (std::vector<EventId>{2, 1}));
    EXPECT_EQ(ids({at[2], at[1]}), (std::vector<EventId>{})) << "upside down";
    EXPECT_EQ(ids({at[3] + one, {}}), (std::vector<EventId>{}));
    EXPECT_EQ(ids({{}, at[0] - one}), (std::vector<EventId>{}));
    EXPECT_EQ(ids({Timestamp(), Timestamp(std::chrono::sys_days(std::chrono::year(2200) / 1 / 1))}).size(), 4u);
    EXPECT_EQ(ids({Timestamp(std::chrono::sys_days(std::chrono::year(1900) / 1 / 1)), {}}).size(), 4u);
}

TEST_P(StoreConformance, TheStatusOfWhatIsFoundIsTheOneSearchedFor) {
    const auto session = open();
    session->publish(std::vector<std::string>(8, "x"));
    const TakeReply taken = session->take(6);
    for (const EventId id : {1, 4}) {
        session->settle(id, taken.epoch);
    }
    session->settle(2, taken.epoch, Verdict::failed, "no");
    session->settle(5, taken.epoch, Verdict::handed_back);
    EXPECT_EQ(ids_of(session->search_all({.status = EventStatus::processed})), (std::vector<EventId>{4, 1}));
    EXPECT_EQ(ids_of(session->search_all({.status = EventStatus::error})), (std::vector<EventId>{2}));
    EXPECT_EQ(ids_of(session->search_all({.status = EventStatus::processing})), (std::vector<EventId>{6, 3}));
    EXPECT_EQ(ids_of(session->search_all({.status = EventStatus::pending})), (std::vector<EventId>{8, 7, 5}));
    const auto by_status = session->stats().by_status;
    EXPECT_EQ(by_status.at(EventStatus::processed), 2);
    EXPECT_EQ(by_status.at(EventStatus::error), 1);
    EXPECT_EQ(by_status.at(EventStatus::processing), 2);
    EXPECT_EQ(by_status.at(EventStatus::pending), 3);
}

TEST_P(StoreConformance, SearchAndCountAgreeWithLookingAtEverything) {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        std::mt19937_64 random(seed);
        next_queue();
        const auto session = open();
        EventId last = 0;
        const bool two_groups = seed % 3 == 0;
        session->publish_one();
        if (two_groups) {
            fill(*session, bed(), random, 8, "mail");
        }
        last = std::max(fill(*session, bed(), random, 25, "default"), session->stats().last_id);
        const auto all = look_at_everything(*session, last);
        for (int i = 0; i < 25; ++i) {
            const EventFilter filter = random_filter(all, random);
            const auto expected = matching(all, filter);
            const std::int64_t some_limit = 1 + static_cast<std::int64_t>(random() % 20);
            for (const std::int64_t limit : {i == 0 ? 1 : some_limit, std::int64_t{10'000}}) {
                const auto found = session->search_all(filter, limit);
                ASSERT_EQ(ids_of(found), ids_of(expected))
                    << "seed " << seed << ", filter " << i << ", limit " << limit;
                for (std::size_t k = 0; k < found.size(); ++k) {
                    ASSERT_EQ(found[k].status, expected[k].status) << "seed " << seed << ", of " << found[k].id;
                    ASSERT_EQ(found[k].created_at, expected[k].created_at);
                    ASSERT_EQ(found[k].last_error, expected[k].last_error);
                    ASSERT_EQ(found[k].payload, expected[k].payload);
                }
            }
            ASSERT_EQ(session->count(filter), static_cast<std::int64_t>(expected.size()))
                << "seed " << seed << ", filter " << i;
        }
        const QueueStats stats = session->stats();
        std::int64_t sum = 0;
        for (const EventStatus status : all_statuses) {
            ASSERT_EQ(stats.by_status.at(status), session->count({.status = status})) << "seed " << seed << status;
            sum += stats.by_status.at(status);
        }
        ASSERT_EQ(sum, session->count());
    }
}

TEST_P(StoreConformance, WhatExpiredIsCountedUnderNoStatusWithSeveralGroupsEither) {
    const auto session = open();
    session->take(1, long_lease, "mail");
    session->take();
    session->publish(std::vector<std::string>(3, "x"), doomed);
    bed().pass(20ms);
    EXPECT_EQ(session->count(), 0);
    const QueueStats stats = session->stats();
    EXPECT_EQ(stats.groups.size(), 2U);
    for (const EventStatus status : all_statuses) {
        EXPECT_EQ(session->count({.status = status}), 0) << status;
        EXPECT_EQ(stats.by_status.at(status), 0) << status;
        EXPECT_TRUE(session->search_all({.status = status}).empty()) << status;
    }
}

TEST_P(StoreConformance, PagesStayExactWhileEventsArePublishedAndTaken) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        std::mt19937_64 random(seed);
        next_queue();
        const auto session = open(), publisher = open();
        const EventId last = fill(*session, bed(), random, 30, "default");
        const auto before = look_at_everything(*session, last);
        const std::int64_t limit = 1 + static_cast<std::int64_t>(random() % 9);
        const auto while_publishing = session->search_all({}, limit, [&] {
            publisher->publish(std::vector<std::string>(1 + random() % 4, "new"));
            if (random() % 3 == 0) {
                publisher->take(2);
            }
        });
        ASSERT_EQ(ids_of(while_publishing), ids_of(before)) << "seed " << seed;
        // What is PROCESSED or ERROR stays so, whatever happens to the others meanwhile.
        for (const EventStatus status : {EventStatus::processed, EventStatus::error}) {
            const auto settled = matching(look_at_everything(*session, last), {.status = status});
            const auto found = session->search_all({.status = status}, limit, [&] {
                const TakeReply taken = publisher->take(2);
                if (!taken.events.empty()) {
                    publisher->settle_all(taken, random() % 2 == 0 ? Verdict::processed : Verdict::failed);
                }
                publisher->publish_one();
            });
            std::set<EventId> distinct;
            for (const StoredEvent& event : found) {
                ASSERT_TRUE(distinct.insert(event.id).second) << "twice: " << event.id << ", seed " << seed;
            }
            for (const StoredEvent& event : settled) {
                ASSERT_TRUE(distinct.contains(event.id)) << "missed: " << event.id << ", seed " << seed;
            }
        }
    }
}

TEST_P(StoreConformance, RareEventsAmongManyAreFound) {
    const auto session = open();
    for (int i = 0; i < 5; ++i) {
        session->publish(std::vector<std::string>(1000, "x"));
    }
    // 1000 PROCESSED with one ERROR, 1000 ERROR with one PROCESSED, 1000 handed back with one leased; the rest is new.
    for (const auto& [many, rare] :
         {std::pair(Verdict::processed, Verdict::failed), std::pair(Verdict::failed, Verdict::processed)}) {
        const TakeReply taken = session->take(1000);
        SettleRequest settle;
        settle.group = "default";
        for (const StoredEvent& event : taken.events) {
            settle.settlements.push_back({{event.id, taken.epoch}, event.id % 1000 == 500 ? rare : many, "no"});
        }
        session->settle(settle);
    }
    const TakeReply taken = session->take(1000);
    SettleRequest settle;
    settle.group = "default";
    for (const StoredEvent& event : taken.events) {
        if (event.id != 2500) {
            settle.settlements.push_back({{event.id, taken.epoch}, Verdict::handed_back});
        }
    }
    session->settle(settle);

    const auto ids = [&](EventStatus status) { return ids_of(session->search_all({.status = status}, 1000)); };
    EXPECT_EQ(ids(EventStatus::processing), (std::vector<EventId>{2500}));
    const auto pending = ids(EventStatus::pending), processed = ids(EventStatus::processed),
               error = ids(EventStatus::error);
    ASSERT_EQ(pending.size(), 2999u);
    EXPECT_EQ(pending[2000], 3000);
    EXPECT_EQ(pending.back(), 2001);
    ASSERT_EQ(processed.size(), 1000u);
    EXPECT_EQ(processed[0], 1500);
    EXPECT_EQ(processed[1], 1000);
    ASSERT_EQ(error.size(), 1000u);
    EXPECT_EQ(error[0], 2000);
    EXPECT_EQ(error.back(), 500);
    EXPECT_EQ(session->count({.status = EventStatus::pending}), 2999);
    const Timestamp first_of_second = session->get_one(1001)->created_at;
    EXPECT_EQ(session->count({first_of_second, {}, EventStatus::error}), 999);
    EXPECT_EQ(session->count({{}, first_of_second, EventStatus::error}), 2);
}

}  // namespace eventy::test
