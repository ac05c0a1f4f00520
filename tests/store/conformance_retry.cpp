// Attempts that failed and are to be retried.
#include "store/store_fixture.hpp"

namespace eventy::test {

using detail::ByHand;

TEST_P(StoreConformance, AFailedAttemptWithADelayIsPendingUntilItIsDue) {
    const auto worker = open();
    worker->publish({"x", "y"});
    const TakeReply taken = worker->take(1);
    ASSERT_TRUE(worker->retry_later(1, taken.epoch, "no stock", 10min));
    const auto event = worker->get_one(1);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->status, EventStatus::pending);
    EXPECT_EQ(event->last_error, "no stock");
    EXPECT_EQ(event->attempt, 1);
    EXPECT_EQ(event->processed_by, "");
    EXPECT_FALSE(event->finished_at);
    EXPECT_EQ(ids_of(worker->take(10).events), std::vector<EventId>{2}) << "the first one is not due";
    EXPECT_EQ(worker->count({.status = EventStatus::pending}), 1);
    EXPECT_EQ(ids_of(worker->search_all({.status = EventStatus::pending})), std::vector<EventId>{1});
    EXPECT_EQ(worker->stats().groups.at("default").lag, 1);
    EXPECT_FALSE(worker->settle(1, taken.epoch)) << "that lease is over";
}

TEST_P(StoreConformance, TheNextAttemptIsTakenWhenItIsDueAndKnowsWhatWasBefore) {
    const auto a = open(), b = open();
    a->publish_one("x");
    const TakeReply first = a->take();
    EXPECT_EQ(first.events.at(0).attempt, 1);
    ASSERT_TRUE(a->retry_later(1, first.epoch, "no stock", 20ms));
    bed().pass(30ms);
    EXPECT_TRUE(b->upkeep());
    const TakeReply second = b->take();
    ASSERT_EQ(ids_of(second.events), std::vector<EventId>{1});
    EXPECT_EQ(second.events[0].attempt, 2);
    EXPECT_EQ(second.events[0].last_error, "no stock");
    ASSERT_TRUE(b->retry_later(1, second.epoch, "still none", 0ms));
    const TakeReply third = a->take();
    ASSERT_EQ(third.events.size(), 1U) << "without a delay it is takeable at once";
    EXPECT_EQ(third.events[0].attempt, 3);
    ASSERT_TRUE(a->settle(1, third.epoch));
    const auto event = a->get_one(1);
    EXPECT_EQ(event->status, EventStatus::processed);
    EXPECT_EQ(event->attempt, 3);
    EXPECT_EQ(event->last_error, "") << "the last attempt did not fail";
    ASSERT_EQ(event->failures.size(), 2U);
    EXPECT_EQ(event->failures[0].attempt, 1);
    EXPECT_EQ(event->failures[0].error, "no stock");
    EXPECT_EQ(event->failures[0].worker_id, a->worker_id());
    EXPECT_EQ(event->failures[0].group, "default");
    EXPECT_EQ(event->failures[1].attempt, 2);
    EXPECT_EQ(event->failures[1].error, "still none");
    EXPECT_EQ(event->failures[1].worker_id, b->worker_id());
    EXPECT_GE(event->failures[1].at, event->failures[0].at);
    EXPECT_FALSE(a->upkeep());
}

TEST_P(StoreConformance, ARetryWithoutDelayWakesOneWhoWaits) {
    const auto worker = open(), idle = open();
    worker->publish_one("x");
    const TakeReply taken = worker->take();
    EXPECT_TRUE(idle->take().events.empty());
    Counter woken;
    idle->run([&](Store& store) { store.wait("default", [&] { woken.add(); }); });
    ASSERT_TRUE(worker->retry_later(1, taken.epoch, "again", 0ms));
    EXPECT_TRUE(woken.wait_for(1));
    idle->run([&](Store& store) { store.stop_waiting("default"); });
}

TEST_P(StoreConformance, ANudgeWakesOneWhoWaits) {
    const auto worker = open(), idle = open();
    worker->publish_one("x");
    worker->settle_all(worker->take());
    EXPECT_TRUE(idle->take().events.empty());
    Counter woken;
    idle->run([&](Store& store) { store.wait("default", [&] { woken.add(); }); });
    worker->run([&](Store& store) { store.nudge("default"); });
    EXPECT_TRUE(woken.wait_for(1));
    idle->run([&](Store& store) { store.stop_waiting("default"); });
}

TEST_P(StoreConformance, OnlyTheLastTwentyFailuresAreKept) {
    const auto worker = open();
    worker->publish_one("x");
    for (int attempt = 1; attempt <= 25; ++attempt) {
        const TakeReply taken = worker->take();
        ASSERT_EQ(taken.events.size(), 1U);
        EXPECT_EQ(taken.events[0].attempt, attempt);
        ASSERT_TRUE(worker->retry_later(1, taken.epoch, std::string(2000, 'e'), 0ms));
    }
    const auto event = worker->get_one(1);
    ASSERT_EQ(event->failures.size(), 20U);
    EXPECT_EQ(event->failures.front().attempt, 6);
    EXPECT_EQ(event->failures.back().attempt, 25);
    EXPECT_EQ(event->failures.back().error, std::string(500, 'e') + "...");
    EXPECT_EQ(event->attempt, 25);
}

TEST_P(StoreConformance, AFailureIsCutAtTheEndOfACharacter) {
    const auto worker = open();
    worker->publish_one("x");
    for (const std::string& error : {std::string(499, 'e') + "\u00e9" + std::string(9, 'e'),
                                     std::string(498, 'e') + "\u00e9" + std::string(9, 'e'), std::string(500, 'e')}) {
        ASSERT_TRUE(worker->retry_later(1, worker->take().epoch, error, 0ms));
    }
    const auto failures = worker->get_one(1)->failures;
    ASSERT_EQ(failures.size(), 3U);
    EXPECT_EQ(failures[0].error, std::string(499, 'e') + "...");
    EXPECT_EQ(failures[1].error, std::string(498, 'e') + "\u00e9...");
    EXPECT_EQ(failures[2].error, std::string(500, 'e'));
}

TEST_P(StoreConformance, ARetriedEventIsCountedAsLongAsItLives) {
    // Longer than its publisher said: the TTL of whoever settles counts, from the next attempt on.
    for (milliseconds ttl = 100ms;; ttl *= 2) {
        ASSERT_LT(ttl, patience);
        next_queue();
        const auto worker = open();
        worker->publish({"by its handler", "by hand", "not at all"}, ttl);
        const TakeReply taken = worker->take(3);
        SettleRequest request;
        request.group = "default";
        request.ttl = long_ttl;
        request.settlements = {{{1, taken.epoch}, Verdict::retry, "again"},
                               {{2, taken.epoch}, Verdict::failed, "broken"},
                               {{3, taken.epoch}, Verdict::processed}};
        if (taken.events.size() != 3 || worker->settle(request) != StillHeld(3, true)) {
            continue;  // too slow for this TTL
        }
        EXPECT_EQ(worker->retry({2}), std::vector{ByHand::done});
        const TakeReply again = worker->take(3);
        ASSERT_EQ(again.events.size(), 2U);
        worker->settle_all(again);
        bed().pass(2 * ttl);
        EXPECT_EQ(ids_of(worker->search_all({})), (std::vector<EventId>{2, 1}));
        EXPECT_EQ(ids_of(worker->search_all({.status = EventStatus::processed})), (std::vector<EventId>{2, 1}));
        EXPECT_TRUE(eventually(*worker, [&] { return worker->count() == 2; })) << "without what expired";
        EXPECT_EQ(worker->count({.status = EventStatus::processed}), 2);
        EXPECT_EQ(worker->count({.status = EventStatus::pending}), 0);
        EXPECT_EQ(worker->stats().by_status.at(EventStatus::processed), 2);
        return;
    }
}

TEST_P(StoreConformance, AnEventThatWasRetriedByHandIsCountedAsLongAsItLives) {
    // Nothing but that retry says that there is one so old.
    for (milliseconds ttl = 100ms;; ttl *= 2) {
        ASSERT_LT(ttl, patience);
        next_queue();
        const auto worker = open();
        worker->publish({"by hand", "not at all"}, ttl);
        const TakeReply taken = worker->take(2);
        if (taken.events.size() != 2 || !worker->settle(1, taken.epoch, Verdict::failed, "broken") ||
            !worker->settle(2, taken.epoch) || worker->retry({1}) != std::vector{ByHand::done}) {
            continue;  // too slow for this TTL
        }
        const TakeReply again = worker->take(2);
        ASSERT_EQ(ids_of(again.events), std::vector<EventId>{1});
        worker->settle_all(again);
        bed().pass(2 * ttl);
        EXPECT_TRUE(eventually(*worker, [&] { return worker->count() == 1; })) << "without what expired";
        EXPECT_EQ(worker->count({.status = EventStatus::processed}), 1);
        EXPECT_EQ(worker->stats().by_status.at(EventStatus::processed), 1);
        return;
    }
}

TEST_P(StoreConformance, AnEventIsKeptUntilItsNextAttemptAndATtlBeyond) {
    for (milliseconds ttl = 50ms;; ttl *= 2) {
        ASSERT_LT(ttl, patience);
        next_queue();
        const auto worker = open();
        worker->publish_one("short-lived", ttl);
        const TakeReply taken = worker->take();
        SettleRequest request;
        request.group = "default";
        request.ttl = ttl;
        request.settlements = {{{1, taken.epoch}, Verdict::retry, "later", {}, {}, 4 * ttl}};
        if (taken.events.empty() || worker->settle(request) != StillHeld{true} || !worker->get_one(1)) {
            continue;  // too slow for this TTL
        }
        bed().pass(4 * ttl);
        const TakeReply again = worker->take();
        if (again.events.empty() && !worker->get_one(1)) {
            continue;  // looked too late
        }
        ASSERT_EQ(again.events.size(), 1U);
        EXPECT_EQ(again.events[0].payload, "short-lived");
        return;
    }
}

TEST_P(StoreConformance, ARetryOfAnEventThatExpiredMakesNothingAnewAndIsCounted) {
    auto [worker, lease] = hold_an_expired_event();
    EXPECT_TRUE(worker->retry_later(lease.id, lease.epoch, "late", 0ms));
    EXPECT_FALSE(worker->get_one(lease.id));
    EXPECT_TRUE(worker->take().events.empty());
    EXPECT_EQ(worker->count(), 0);
    EXPECT_EQ(worker->stats().expired, 1);
}

}  // namespace eventy::test
