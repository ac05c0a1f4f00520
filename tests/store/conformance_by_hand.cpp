// Retries and discards by hand.
#include "store/store_fixture.hpp"

namespace eventy::test {

using detail::ByHand;

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

}  // namespace eventy::test
