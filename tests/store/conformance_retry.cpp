// Retries, dead letters, and events that kill their workers.
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

// -- by hand ---------------------------------------------------------------------------------------------------------

TEST_P(StoreConformance, AGivenUpEventIsTakenUpAgainByHand) {
    const auto worker = open();
    worker->publish({"bad", "good"});
    const TakeReply taken = worker->take(2);
    ASSERT_TRUE(worker->settle(1, taken.epoch, Verdict::failed, "broken"));
    ASSERT_TRUE(worker->settle(2, taken.epoch));
    EXPECT_EQ(worker->retry({1, 2, 3}), (std::vector{ByHand::done, ByHand::unchanged, ByHand::gone}));
    const auto event = worker->get_one(1);
    EXPECT_EQ(event->status, EventStatus::pending);
    EXPECT_EQ(event->last_error, "broken");
    EXPECT_EQ(event->processed_by, "");
    EXPECT_EQ(worker->count({.status = EventStatus::error}), 0);
    EXPECT_TRUE(worker->upkeep());
    const TakeReply again = worker->take(10);
    ASSERT_EQ(ids_of(again.events), std::vector<EventId>{1});
    EXPECT_EQ(again.events[0].attempt, 1) << "with all its attempts";
    ASSERT_TRUE(worker->settle(1, again.epoch));
    EXPECT_EQ(worker->get_one(1)->failures.size(), 1U) << "what failed stays known";
    EXPECT_EQ(worker->get_one(1)->last_error, "") << "the last attempt did not fail";
    EXPECT_EQ(worker->retry({1}), std::vector{ByHand::unchanged});
}

TEST_P(StoreConformance, ARetryByHandHastensWhatIsDelayedOnlyIfAskedTo) {
    const auto worker = open();
    worker->publish_one("x");
    const TakeReply taken = worker->take();
    ASSERT_TRUE(worker->retry_later(1, taken.epoch, "later", 10min));
    EXPECT_EQ(worker->retry({1}), std::vector{ByHand::unchanged});
    EXPECT_TRUE(worker->take().events.empty());
    EXPECT_EQ(worker->retry({1}, true), std::vector{ByHand::done});
    const TakeReply again = worker->take();
    ASSERT_EQ(again.events.size(), 1U);
    EXPECT_EQ(again.events[0].attempt, 2) << "its history goes on";
}

TEST_P(StoreConformance, ARetryByHandOfWhatIsTakeableAnywayChangesNothing) {
    const auto worker = open();
    worker->publish({"handed back", "failed"});
    const TakeReply taken = worker->take(2);
    ASSERT_TRUE(worker->settle(1, taken.epoch, Verdict::handed_back));
    ASSERT_TRUE(worker->settle(2, taken.epoch, Verdict::failed, "broken"));
    EXPECT_EQ(worker->retry({1, 2}, true), (std::vector{ByHand::unchanged, ByHand::done}));
    EXPECT_EQ(worker->retry({1, 2}, true), (std::vector{ByHand::unchanged, ByHand::unchanged}));
    EXPECT_EQ(ids_of(worker->take(10).events), (std::vector<EventId>{1, 2}));
    EXPECT_EQ(worker->retry({1, 2}, true), (std::vector{ByHand::unchanged, ByHand::unchanged})) << "leased";
}

TEST_P(StoreConformance, ARetryByHandConcernsOnlyTheGroupThatGaveUp) {
    const auto worker = open();
    EXPECT_TRUE(worker->take(1, long_lease, "mail").events.empty());
    worker->publish_one("x");
    const TakeReply ours = worker->take(), mail = worker->take(1, long_lease, "mail");
    ASSERT_TRUE(worker->settle(1, ours.epoch));
    ASSERT_TRUE(worker->settle(1, mail.epoch, Verdict::failed, "no address", "mail"));
    EXPECT_EQ(worker->retry({1}), std::vector{ByHand::done});
    EXPECT_TRUE(worker->take().events.empty());
    EXPECT_EQ(worker->take(1, long_lease, "mail").events.size(), 1U);
}

TEST_P(StoreConformance, ALaterSuccessOfOneGroupHidesNoReasonOfAnother) {
    const auto worker = open();
    EXPECT_TRUE(worker->take(1, long_lease, "mail").events.empty());
    worker->publish_one("x");
    ASSERT_TRUE(worker->retry_later(1, worker->take().epoch, "not yet", 0ms));
    const TakeReply mail = worker->take(1, long_lease, "mail");
    ASSERT_TRUE(worker->settle(1, mail.epoch, Verdict::failed, "no address", "mail"));
    ASSERT_TRUE(worker->settle(1, worker->take().epoch));
    const auto event = worker->get_one(1);
    EXPECT_EQ(event->status, EventStatus::error);
    EXPECT_EQ(event->last_error, "no address");
}

TEST_P(StoreConformance, DiscardReachesAnEventWhereverItIs) {
    const auto worker = open();
    worker->publish(std::vector<std::string>(6, "x"));
    const TakeReply taken = worker->take(4);
    ASSERT_TRUE(worker->settle(1, taken.epoch));
    ASSERT_TRUE(worker->settle(2, taken.epoch, Verdict::failed, "broken"));
    ASSERT_TRUE(worker->retry_later(3, taken.epoch, "later", 10min));
    // 4 is leased, 5 and 6 no worker has reached yet.
    EXPECT_EQ(worker->discard({1, 2, 3, 4, 5, 7}), (std::vector{ByHand::unchanged, ByHand::unchanged, ByHand::done,
                                                                ByHand::done, ByHand::done, ByHand::gone}));
    for (const EventId id : {3, 4, 5}) {
        const auto event = worker->get_one(id);
        EXPECT_EQ(event->status, EventStatus::error) << id;
        EXPECT_EQ(event->last_error, "discarded by a test") << id;
    }
    EXPECT_FALSE(worker->renew(4, taken.epoch)) << "its lease is lost";
    EXPECT_FALSE(worker->settle(4, taken.epoch));
    EXPECT_EQ(worker->count({.status = EventStatus::error}), 4);
    EXPECT_EQ(worker->count({.status = EventStatus::pending}), 1);
    EXPECT_EQ(worker->count({.status = EventStatus::processed}), 1);
    EXPECT_EQ(worker->count(), 6);
    EXPECT_EQ(ids_of(worker->search_all({.status = EventStatus::pending}, 1)), std::vector<EventId>{6});
    EXPECT_EQ(ids_of(worker->search_all({.status = EventStatus::error}, 2)), (std::vector<EventId>{5, 4, 3, 2}));
    EXPECT_EQ(worker->stats().groups.at("default").lag, 1);
    EXPECT_EQ(ids_of(worker->take(10).events), std::vector<EventId>{6}) << "the discarded one is passed over";
    EXPECT_EQ(worker->count({.status = EventStatus::error}), 4);
    EXPECT_EQ(worker->stats().expired, 0);
}

TEST_P(StoreConformance, DiscardConcernsOnlyTheGroupsThatHaveNotProcessedIt) {
    const auto worker = open();
    EXPECT_TRUE(worker->take(1, long_lease, "mail").events.empty());
    worker->publish_one("x");
    ASSERT_TRUE(worker->settle(1, worker->take().epoch));
    EXPECT_EQ(worker->discard({1}), std::vector{ByHand::done}) << "mail has not reached it yet";
    EXPECT_TRUE(worker->take(1, long_lease, "mail").events.empty());
    EXPECT_EQ(worker->get_one(1)->status, EventStatus::error);
    EXPECT_EQ(worker->discard({1}), std::vector{ByHand::unchanged});
    EXPECT_EQ(worker->retry({1}), std::vector{ByHand::done});
    EXPECT_TRUE(worker->take().events.empty()) << "done there";
    EXPECT_EQ(ids_of(worker->take(1, long_lease, "mail").events), std::vector<EventId>{1});
}

TEST_P(StoreConformance, AnEventThatIsDiscardedAndTakenUpAgainHasANewHolder) {
    const auto a = open(), b = open();
    a->publish_one("x");
    const TakeReply old = a->take();
    EXPECT_EQ(a->discard({1}), std::vector{ByHand::done});
    EXPECT_EQ(a->retry({1}), std::vector{ByHand::done});
    EXPECT_FALSE(a->settle(1, old.epoch)) << "its lease was lost for good";
    const TakeReply taken = b->take();
    ASSERT_EQ(taken.events.size(), 1U);
    EXPECT_GT(taken.epoch, old.epoch);
    EXPECT_FALSE(a->retry_later(1, old.epoch, "late", 0ms));
    EXPECT_FALSE(a->renew(1, old.epoch));
    EXPECT_TRUE(b->settle(1, taken.epoch));
    EXPECT_EQ(b->get_one(1)->status, EventStatus::processed);
    EXPECT_EQ(b->get_one(1)->failures.size(), 0U);
}

TEST_P(StoreConformance, ALookTellsThatADiscardRevokedALease) {
    const auto a = open(), b = open();
    a->publish_one("leased");
    a->publish_one("waiting");
    a->take(1);
    const auto before = a->leases_revoked();
    EXPECT_EQ(b->discard({2}), std::vector{ByHand::done});
    EXPECT_EQ(a->leases_revoked(), before) << "nobody had it";
    EXPECT_EQ(b->discard({1}), std::vector{ByHand::done});
    const auto after = a->leases_revoked();
    EXPECT_NE(after, before);
    EXPECT_EQ(b->discard({1}), std::vector{ByHand::unchanged});
    EXPECT_EQ(a->leases_revoked(), after);
}

TEST_P(StoreConformance, ADiscardedEventThatExpiresIsGoneAndNotCountedAsExpired) {
    for (milliseconds ttl = 50ms;; ttl *= 2) {
        ASSERT_LT(ttl, patience);
        next_queue();
        const auto worker = open();
        worker->publish({"a", "b"}, ttl);
        const auto outcomes = worker->discard({1}, ttl);
        if (outcomes != std::vector{ByHand::done} || !worker->get_one(1)) {
            continue;  // too slow for this TTL
        }
        bed().pass(2 * ttl);
        EXPECT_EQ(worker->discard({1, 2}), (std::vector{ByHand::gone, ByHand::gone}));
        EXPECT_EQ(worker->retry({1, 2}, true), (std::vector{ByHand::gone, ByHand::gone}));
        EXPECT_TRUE(worker->take(10).events.empty());
        EXPECT_FALSE(worker->get_one(1)) << "nothing was made anew";
        return;
    }
}

TEST_P(StoreConformance, ADiscardedEventCanBeTakenUpAgain) {
    const auto worker = open();
    worker->publish({"a", "b"});
    EXPECT_EQ(worker->discard({2, 1}), (std::vector{ByHand::done, ByHand::done}));
    EXPECT_EQ(worker->retry({1}), std::vector{ByHand::done});
    EXPECT_EQ(worker->get_one(1)->status, EventStatus::pending);
    EXPECT_EQ(ids_of(worker->take(10).events), std::vector<EventId>{1});
    EXPECT_EQ(worker->retry({2}), std::vector{ByHand::done}) << "also behind the cursor";
    EXPECT_EQ(ids_of(worker->take(10).events), std::vector<EventId>{2});
}

TEST_P(StoreConformance, ADiscardedEventThatWasPassedComesBackAsADelayedOne) {
    const auto worker = open();
    worker->publish({"x", "y"});
    ASSERT_EQ(worker->discard({2}), std::vector{ByHand::done});
    const TakeReply taken = worker->take(2);
    ASSERT_EQ(ids_of(taken.events), std::vector<EventId>{1}) << "and the cursor is behind 2";
    ASSERT_TRUE(worker->retry_later(1, taken.epoch, "no stock", 1ms));
    ASSERT_EQ(worker->retry({2}), std::vector{ByHand::done});
    bed().pass(3ms);
    EXPECT_EQ(ids_of(worker->take(2).events), (std::vector<EventId>{2, 1})) << "what is due at once goes first";
}

TEST_P(StoreConformance, AGroupThatComesLaterPassesOverWhatWasDiscarded) {
    const auto worker = open();
    worker->publish({"a", "b"});
    EXPECT_EQ(worker->discard({1}), std::vector{ByHand::done});
    EXPECT_EQ(ids_of(worker->take(10, long_lease, "mail").events), std::vector<EventId>{2});
    EXPECT_EQ(worker->get_one(1)->status, EventStatus::error);
}

// -- what kills its workers ------------------------------------------------------------------------------------------

TEST_P(StoreConformance, ALostLeaseIsAFailureThatSaysWhoHadIt) {
    const auto a = open(), b = open();
    a->publish_one("x");
    ASSERT_EQ(a->take(1, doomed).events.size(), 1U);
    bed().pass(doomed_for);
    const TakeReply again = b->take();
    ASSERT_EQ(again.events.size(), 1U);
    EXPECT_EQ(again.events[0].attempt, 1) << "a lost lease is no failed attempt";
    const auto event = b->get_one(1);
    ASSERT_EQ(event->failures.size(), 1U);
    EXPECT_EQ(event->failures[0].worker_id, a->worker_id());
    EXPECT_EQ(event->failures[0].error, "its lease was lost");
}

TEST_P(StoreConformance, OneShortOfItsLastLostLeaseAnEventIsHandedOutAlone) {
    const auto worker = open(), idle = open();
    worker->publish(std::vector<std::string>(3, "x"));
    for (int round = 0; round < 2; ++round) {
        ASSERT_EQ(worker->take(take_of(3, 0, doomed)).events.size(), 3U) << round;
        bed().pass(doomed_for);
    }
    worker->publish_one("new");
    // Who holds something gets what is new, and is told.
    const TakeReply busy = worker->take(take_of(10, 1));
    EXPECT_EQ(ids_of(busy.events), std::vector<EventId>{4});
    EXPECT_TRUE(busy.alone_left);
    EXPECT_FALSE(busy.alone);
    EXPECT_FALSE(busy.more) << "nothing that it could take";
    // Who holds nothing gets one of them, and nothing beside it.
    worker->publish_one("newer");
    const TakeReply alone = idle->take(take_of(10, 0));
    EXPECT_EQ(ids_of(alone.events), std::vector<EventId>{1});
    EXPECT_TRUE(alone.alone);
    EXPECT_TRUE(alone.more);
    ASSERT_TRUE(idle->settle(1, alone.epoch));
    const TakeReply next = idle->take(take_of(10, 0, doomed));
    EXPECT_EQ(ids_of(next.events), std::vector<EventId>{2});
    // It is the killer: nobody else goes with it.
    bed().pass(doomed_for);
    const TakeReply after = idle->take(take_of(10, 0));
    ASSERT_EQ(after.refused.size(), 1U);
    EXPECT_EQ(after.refused[0].id, 2);
    EXPECT_EQ(ids_of(after.events), std::vector<EventId>{3});
    EXPECT_TRUE(after.alone);
    EXPECT_EQ(idle->get_one(2)->status, EventStatus::error);
    EXPECT_EQ(idle->get_one(2)->failures.size(), 3U);
    ASSERT_TRUE(idle->settle(3, after.epoch));
    EXPECT_EQ(ids_of(idle->take(take_of(10, 0)).events), std::vector<EventId>{5});
}

TEST_P(StoreConformance, AnEventThatWaitsToBeAloneHidesNothing) {
    const auto worker = open();
    worker->publish(std::vector<std::string>(30, "x"));
    for (int round = 0; round < 2; ++round) {
        ASSERT_EQ(worker->take(take_of(30, 0, doomed)).events.size(), 30U);
        bed().pass(doomed_for);
    }
    worker->publish_one("y");
    const TakeReply once = worker->take(take_of(1, 1, doomed));
    ASSERT_EQ(ids_of(once.events), std::vector<EventId>{31});
    bed().pass(doomed_for);
    const TakeReply again = worker->take(take_of(1, 1));
    EXPECT_EQ(ids_of(again.events), std::vector<EventId>{31}) << "it stands behind 30 that wait";
}

TEST_P(StoreConformance, WhereAllWaitToBeAloneNobodyAsksAgainAndAgain) {
    const auto worker = open();
    constexpr int count = 300;  // more than a take looks at
    worker->publish(std::vector<std::string>(count, "x"));
    for (int round = 0; round < 2; ++round) {
        ASSERT_EQ(worker->take(take_of(count, 0, doomed)).events.size(), std::size_t{count});
        bed().pass(doomed_for);
    }
    const TakeReply busy = worker->take(take_of(1, 1));
    EXPECT_TRUE(busy.events.empty());
    EXPECT_TRUE(busy.alone_left);
    EXPECT_FALSE(busy.more) << "the same take would find the same";
    EXPECT_TRUE(worker->take(take_of(1, 0)).more);
}

TEST_P(StoreConformance, AFailedAttemptForgivesLostLeases) {
    const auto worker = open();
    worker->publish_one("x");
    for (int round = 0; round < 2; ++round) {
        ASSERT_EQ(worker->take(take_of(1, 0, doomed)).events.size(), 1U);
        bed().pass(doomed_for);
    }
    const TakeReply alone = worker->take(take_of(1, 0));
    EXPECT_TRUE(alone.alone);
    ASSERT_TRUE(worker->retry_later(1, alone.epoch, "it let its worker live", 0ms));
    const TakeReply again = worker->take(take_of(1, 5));
    EXPECT_EQ(again.events.size(), 1U);
    EXPECT_FALSE(again.alone);
}

TEST_P(StoreConformance, AHandedBackEventKeepsItsDanger) {
    const auto worker = open();
    worker->publish_one("x");
    for (int round = 0; round < 2; ++round) {
        ASSERT_EQ(worker->take(take_of(1, 0, doomed)).events.size(), 1U);
        bed().pass(doomed_for);
    }
    const TakeReply alone = worker->take(take_of(1, 0));
    ASSERT_TRUE(worker->settle(1, alone.epoch, Verdict::handed_back));
    const TakeReply busy = worker->take(take_of(1, 1));
    EXPECT_TRUE(busy.events.empty());
    EXPECT_TRUE(busy.alone_left);
    EXPECT_FALSE(busy.more);
    EXPECT_TRUE(worker->take(take_of(1, 0)).alone);
}

TEST_P(StoreConformance, AnEventThatIsAlreadyLostDoesNotStandForOneInDanger) {
    const auto worker = open();
    worker->publish(std::vector<std::string>(3, "x"));
    TakeRequest any = take_of(2, 0, doomed);
    any.max_lost_leases = 1000;
    const TakeReply first = worker->take(1);
    ASSERT_EQ(worker->take(any).events.size(), 2U);
    bed().pass(doomed_for);
    const TakeReply second = worker->take(any);
    ASSERT_TRUE(worker->settle(3, second.epoch, Verdict::handed_back));
    bed().pass(doomed_for);
    any.lease = long_lease;
    const TakeReply third = worker->take(any);
    ASSERT_EQ(ids_of(third.events), (std::vector<EventId>{2, 3}));
    worker->settle_all(third, Verdict::handed_back);
    worker->settle_all(first, Verdict::handed_back);
    any.max = 3;
    any.lease = doomed;
    ASSERT_EQ(ids_of(worker->take(any).events), (std::vector<EventId>{1, 2, 3})) << "which lost 0, 2 and 1 leases";
    bed().pass(doomed_for);
    const TakeReply reply = worker->take(take_of(3, 0));
    ASSERT_EQ(reply.refused.size(), 1U);
    EXPECT_EQ(reply.refused[0].id, 2);
    EXPECT_EQ(ids_of(reply.events), std::vector<EventId>{3}) << "who holds nothing begins with the one in danger";
    EXPECT_TRUE(reply.alone);
    EXPECT_TRUE(reply.more);
}

TEST_P(StoreConformance, AHandedBackEventInDangerDoesNotCountAsMoreBesideAnotherOne) {
    const auto worker = open();
    worker->publish({"x", "y"});
    for (int round = 0; round < 2; ++round) {
        ASSERT_EQ(worker->take(take_of(2, 0, doomed)).events.size(), 2U);
        bed().pass(doomed_for);
    }
    const TakeReply one = worker->take(take_of(2, 0));
    ASSERT_TRUE(one.alone);
    ASSERT_TRUE(worker->settle(one.events.at(0).id, one.epoch, Verdict::handed_back));
    const TakeReply other = worker->take(take_of(2, 0));
    EXPECT_EQ(other.events.size(), 1U);
    EXPECT_TRUE(other.alone);
    EXPECT_TRUE(other.alone_left);
    EXPECT_FALSE(other.more) << "only what wants a worker of its own is left";
}

TEST_P(StoreConformance, TheLimitOfLostLeasesIsTheTakers) {
    const auto worker = open();
    worker->publish_one("x");
    TakeRequest request = take_of(1, 0, doomed);
    request.max_lost_leases = 1;
    ASSERT_EQ(worker->take(request).events.size(), 1U);
    bed().pass(doomed_for);
    const TakeReply after = worker->take(request);
    EXPECT_TRUE(after.events.empty());
    ASSERT_EQ(after.refused.size(), 1U);
    EXPECT_EQ(worker->get_one(1)->last_error, "lost its lease 1 times");
}

}  // namespace eventy::test
