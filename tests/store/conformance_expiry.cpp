// Events whose TTL ends: they are gone everywhere, and counted where nobody had processed them.
#include "store/store_fixture.hpp"

namespace eventy::test {

TEST_P(StoreConformance, AnExpiredEventIsNotReadNotFoundAndNotTaken) {
    const auto session = open();
    session->publish({"a", "b", "c"}, doomed);
    bed().pass(doomed_for);
    for (const auto& event : session->get({1, 2, 3})) {
        EXPECT_FALSE(event);
    }
    EXPECT_TRUE(session->search_all().empty());
    EXPECT_TRUE(session->take(10).events.empty());
    EXPECT_FALSE(session->upkeep());
    EXPECT_EQ(session->publish_one(), 4) << "ids are not given again";
    EXPECT_EQ(ids_of(session->take(10).events), (std::vector<EventId>{4}));
}

TEST_P(StoreConformance, ExpiredEventsThatNobodyTookAreCountedForEachGroup) {
    const auto session = open();
    session->take();
    session->take(1, long_lease, "mail");
    session->publish({"a", "b", "c"}, doomed);
    bed().pass(doomed_for);
    session->take(10);
    session->take(10, long_lease, "mail");
    ASSERT_TRUE(eventually(*session, [&] { return session->stats().expired == 6; })) << session->stats().expired;
    const auto stats = session->stats();
    EXPECT_EQ(stats.groups.at("default").lag, 0);
    EXPECT_FALSE(stats.groups.at("default").oldest_pending);
    EXPECT_EQ(stats.groups.at("mail").lag, 0);
    EXPECT_EQ(stats.last_id, 3);
}

TEST_P(StoreConformance, WhatWasProcessedBeforeItExpiredIsNotCounted) {
    for (milliseconds ttl = 50ms;; ttl *= 2) {
        ASSERT_LT(ttl, patience);
        next_queue();
        const auto session = open();
        session->publish({"processed", "failed", "left"}, ttl);
        const TakeReply taken = session->take(2);
        if (taken.events.size() < 2) {
            continue;  // too slow for this TTL
        }
        SettleRequest settle;
        settle.group = "default";
        settle.ttl = ttl;
        settle.settlements = {{{1, taken.epoch}, Verdict::processed}, {{2, taken.epoch}, Verdict::failed, "no"}};
        ASSERT_EQ(session->settle(settle), (StillHeld{true, true}));
        bed().pass(2 * ttl + doomed_for);
        session->take(10);
        EXPECT_TRUE(eventually(*session, [&] { return session->count() == 0; })) << session->count();
        const QueueStats stats = session->stats();
        EXPECT_EQ(stats.expired, 1) << "the one that was left";
        for (const auto& [status, count] : stats.by_status) {
            EXPECT_EQ(count, 0) << status;
        }
        return;
    }
}

TEST_P(StoreConformance, ExpiredEventsLeaveEverythingWithoutAnybodyTaking) {
    const auto session = open();
    session->publish(std::vector<std::string>(500, "x"), doomed);
    bed().pass(doomed_for);
    EXPECT_TRUE(eventually(*session, [&] { return session->count() == 0; })) << session->count();
    EXPECT_EQ(session->count({.status = EventStatus::pending}), 0);
    EXPECT_TRUE(session->search_all().empty());
    EXPECT_TRUE(eventually(*session,
                           [&] {
                               const QueueStats stats = session->stats();
                               return stats.expired == 500 && stats.by_status.at(EventStatus::pending) == 0 &&
                                      stats.groups.at("default").lag == 0 && !stats.groups.at("default").oldest_pending;
                           }))
        << "expired " << session->stats().expired << ", lag " << session->stats().groups.at("default").lag;
}

TEST_P(StoreConformance, ManyExpiredEventsInTheWayArePassedOver) {
    const auto session = open();
    for (int i = 0; i < 5; ++i) {
        session->publish(std::vector<std::string>(1000, ""), doomed);
    }
    bed().pass(doomed_for);
    session->publish({"there"});
    // A take looks at a bounded number of ids; `more` says that there are others.
    TakeReply taken;
    std::int64_t takes = 0;
    do {
        taken = session->take(10);
        ++takes;
    } while (taken.events.empty() && taken.more && takes < 100);
    EXPECT_EQ(ids_of(taken.events), (std::vector<EventId>{5001}));
    EXPECT_TRUE(eventually(*session, [&] { return session->stats().expired == 5000; })) << session->stats().expired;
}

TEST_P(StoreConformance, AHandedBackEventThatExpiresIsCounted) {
    for (milliseconds ttl = 50ms;; ttl *= 2) {
        ASSERT_LT(ttl, patience);
        next_queue();
        const auto session = open();
        session->publish({"x", "y"}, ttl);
        const TakeReply taken = session->take(2);
        if (taken.events.size() < 2) {
            continue;  // too slow for this TTL
        }
        session->settle_all(taken, Verdict::handed_back);
        bed().pass(ttl + doomed_for);
        EXPECT_TRUE(session->take(10).events.empty());
        EXPECT_TRUE(eventually(*session, [&] {
            return session->stats().expired == 2 && session->stats().groups.at("default").lag == 0;
        })) << session->stats().expired;
        EXPECT_TRUE(eventually(*session, [&] { return session->count() == 0; })) << session->count();
        return;
    }
}

TEST_P(StoreConformance, AnExpiredEventWhoseLeaseRanOutIsCountedAndNotTaken) {
    for (milliseconds ttl = 50ms;; ttl *= 2) {
        ASSERT_LT(ttl, patience);
        next_queue();
        const auto session = open();
        session->publish_one("x", ttl);
        if (session->take(1, doomed).events.empty()) {
            continue;  // too slow for this TTL
        }
        bed().pass(ttl + doomed_for);
        const TakeReply taken = session->take(10);
        EXPECT_TRUE(taken.events.empty() && taken.refused.empty());
        EXPECT_TRUE(eventually(*session, [&] { return session->stats().expired == 1; })) << session->stats().expired;
        EXPECT_FALSE(session->upkeep());
        return;
    }
}

TEST_P(StoreConformance, ExpiredEventsThatAreStillLeasedDoNotHideOlderOnesFromASearch) {
    for (milliseconds ttl = 50ms;; ttl *= 2) {
        ASSERT_LT(ttl, patience);
        next_queue();
        const auto session = open();
        session->publish_one("old, and lives on");
        session->publish({"new", "new", "new"}, ttl);
        if (session->take(4).events.size() < 4) {
            continue;  // too slow for this TTL
        }
        bed().pass(ttl + doomed_for);
        ASSERT_TRUE(eventually(*session, [&] { return session->count() == 1; })) << session->count();
        session->publish_one("still waits");
        const SearchReply page = session->search({{.status = EventStatus::processing}, std::nullopt, 1});
        EXPECT_EQ(ids_of(page.events), std::vector<EventId>{1});
        EXPECT_FALSE(page.next_before_us);
        return;
    }
}

TEST_P(StoreConformance, ADeadEventIsCountedAsErrorUntilItExpiresAndThenIsGone) {
    for (milliseconds ttl = 50ms;; ttl *= 2) {
        ASSERT_LT(ttl, patience);
        next_queue();
        const auto session = open();
        session->publish_one("x", ttl);
        const TakeReply taken = session->take();
        SettleRequest settle;
        settle.group = "default";
        settle.ttl = ttl;
        settle.settlements = {{{1, taken.epoch}, Verdict::failed, "no"}};
        if (taken.events.empty() || session->settle(settle) != StillHeld{true} || !session->get_one(1)) {
            continue;  // too slow for this TTL
        }
        bed().pass(2 * ttl + doomed_for);
        EXPECT_FALSE(session->get_one(1));
        EXPECT_TRUE(session->search_all({.status = EventStatus::error}).empty());
        EXPECT_TRUE(eventually(*session, [&] { return session->count({.status = EventStatus::error}) == 0; }));
        EXPECT_EQ(session->stats().expired, 0);
        return;
    }
}

TEST_P(StoreConformance, EventsOfALongerTtlOutliveThoseAroundThem) {
    const auto session = open();
    for (int i = 0; i < 10; ++i) {
        session->publish({"short", "short"}, doomed);
        session->publish_one("long");
    }
    bed().pass(doomed_for);
    const std::vector<EventId> there = {3, 6, 9, 12, 15, 18, 21, 24, 27, 30};
    EXPECT_EQ(ids_of(session->search_all({}, 3)), (std::vector<EventId>{there.rbegin(), there.rend()}));
    std::vector<EventId> taken;
    while (taken.size() < there.size()) {
        const TakeReply some = session->take(4);
        ASSERT_FALSE(some.events.empty() && !some.more);
        for (const StoredEvent& event : some.events) {
            taken.push_back(event.id);
        }
    }
    EXPECT_EQ(taken, there);
    EXPECT_TRUE(eventually(*session, [&] { return session->stats().expired == 20; })) << session->stats().expired;
    EXPECT_TRUE(eventually(*session, [&] { return session->count() == 10; })) << session->count();
}

}  // namespace eventy::test
