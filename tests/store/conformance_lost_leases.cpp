// Lost leases, and events that kill their workers.
#include "store/store_fixture.hpp"

namespace eventy::test {

namespace {

/// Of so many events, which nobody else takes.
void lose_two_leases(Session& worker, StoreBed& bed, int count) {
    for (int round = 0; round < 2; ++round) {
        ASSERT_EQ(worker.take(take_of(count, 0, doomed)).events.size(), static_cast<std::size_t>(count));
        bed.pass(doomed_for);
    }
}

}  // namespace

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
    lose_two_leases(*worker, bed(), count);
    const TakeReply busy = worker->take(take_of(1, 1));
    EXPECT_TRUE(busy.events.empty());
    EXPECT_TRUE(busy.alone_left);
    EXPECT_FALSE(busy.more) << "the same take would find the same";
    EXPECT_TRUE(worker->take(take_of(1, 0)).more);
}

TEST_P(StoreConformance, AFailedAttemptForgivesLostLeases) {
    const auto worker = open();
    worker->publish_one("x");
    lose_two_leases(*worker, bed(), 1);
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
    lose_two_leases(*worker, bed(), 1);
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
