// Taking: order, budgets, leases that run out, epochs.
#include <algorithm>

#include "store/store_fixture.hpp"

namespace eventy::test {

TEST_P(StoreConformance, ATakeOfAnEmptyQueueFindsNothing) {
    const auto session = open();
    const TakeReply taken = session->take(10);
    EXPECT_TRUE(taken.events.empty() && taken.refused.empty());
    EXPECT_FALSE(taken.more);
    EXPECT_EQ(taken.expired, 0);
}

TEST_P(StoreConformance, TakesHandOutInTheOrderOfPublishingEachEventOnce) {
    const auto a = open(), b = open();
    a->publish(std::vector<std::string>(10, "x"));
    EXPECT_EQ(ids_of(a->take(3).events), (std::vector<EventId>{1, 2, 3}));
    EXPECT_EQ(ids_of(b->take(4).events), (std::vector<EventId>{4, 5, 6, 7}));
    EXPECT_EQ(ids_of(a->take(100).events), (std::vector<EventId>{8, 9, 10}));
    EXPECT_TRUE(b->take(100).events.empty());
    b->publish_one();
    EXPECT_EQ(ids_of(b->take(100).events), (std::vector<EventId>{11}));
}

TEST_P(StoreConformance, WhatWasPublishedBeforeAnybodyTookIsTaken) {
    const auto publisher = open();
    publisher->publish({"a", "b"});
    EXPECT_EQ(ids_of(open()->take(10).events), (std::vector<EventId>{1, 2}));
}

TEST_P(StoreConformance, APayloadOverTheLimitIsErrorAndTheGroupGoesOn) {
    const auto publisher = open();
    const auto worker = open(queue(), {.max_payload_bytes = 100});
    publisher->publish({std::string(100, 'a'), std::string(101, 'b'), "c", std::string(1'000'000, 'd'), "e"});
    const std::string reason = "its payload has 101 bytes, more than the max_payload_bytes of 100";
    EXPECT_EQ(worker->get_one(2)->unreadable, reason) << "also before anybody took it";
    const TakeReply taken = worker->take(3);
    EXPECT_EQ(ids_of(taken.events), (std::vector<EventId>{1, 3, 5}));
    ASSERT_EQ(taken.refused.size(), 2u);
    EXPECT_EQ(taken.refused[0].id, 2);
    EXPECT_EQ(taken.refused[0].reason, reason);
    EXPECT_EQ(taken.refused[1].id, 4);
    worker->settle_all(taken);

    const auto read = worker->get_one(2);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->status, EventStatus::error);
    EXPECT_EQ(read->unreadable, reason);
    EXPECT_TRUE(read->payload.empty());
    const auto found = worker->search_all({.status = EventStatus::error});
    EXPECT_EQ(ids_of(found), (std::vector<EventId>{4, 2}));
    EXPECT_NE(found[0].unreadable.find("1000000 bytes"), std::string::npos) << found[0].unreadable;

    const auto seen = publisher->get_one(2);
    EXPECT_EQ(seen->payload, std::string(101, 'b')) << "whose limit is larger reads it";
    EXPECT_EQ(seen->last_error, reason);
    EXPECT_EQ(publisher->retry({2}), std::vector{detail::ByHand::done});
    const TakeReply again = publisher->take(10);
    EXPECT_EQ(ids_of(again.events), std::vector<EventId>{2}) << "and takes it";
}

TEST_P(StoreConformance, ALeasedPayloadOverTheLimitOfTheNextWorkerIsError) {
    const auto large = open(), small = open(queue(), {.max_payload_bytes = 100});
    large->publish({std::string(101, 'a'), std::string(101, 'b')});
    const TakeReply held = large->take(2, doomed);
    EXPECT_TRUE(large->settle(2, held.epoch, Verdict::handed_back));
    bed().pass(doomed_for);
    const TakeReply taken = small->take(10);
    EXPECT_TRUE(taken.events.empty());
    EXPECT_EQ(taken.refused.size(), 2u);
    EXPECT_FALSE(taken.more);
    EXPECT_EQ(small->stats().by_status.at(EventStatus::error), 2);
    EXPECT_EQ(large->get_one(1)->failures.size(), 1u) << "the lost lease";
}

TEST_P(StoreConformance, ATakeSaysWhetherItLeftSomething) {
    const auto session = open();
    session->publish({"a", "b", "c"});
    EXPECT_TRUE(session->take(2).more);
    EXPECT_FALSE(session->take(1).more);
    EXPECT_FALSE(session->take(1).more);
    session->publish_one();
    EXPECT_FALSE(session->take(1000).more);
}

TEST_P(StoreConformance, ATakeOfAThousand) {
    const auto session = open();
    session->publish(std::vector<std::string>(1000, "x"));
    session->publish(std::vector<std::string>(500, "x"));
    TakeReply taken = session->take(1000);
    ASSERT_EQ(taken.events.size(), 1000u);
    EXPECT_TRUE(taken.more);
    session->settle_all(taken);
    taken = session->take(1000);
    EXPECT_EQ(taken.events.size(), 500u);
    EXPECT_EQ(taken.events.front().id, 1001);
}

TEST_P(StoreConformance, ATakeKeepsToItsBytes) {
    const auto session = open();
    const std::string kilobyte(1000, 'x');
    session->publish({kilobyte, kilobyte, kilobyte, std::string(5000, 'y'), kilobyte, "", ""});
    TakeRequest request;
    request.group = "default";
    request.max = 100;
    request.lease = long_lease;
    request.max_bytes = 2500;
    TakeReply taken = session->take(request);
    EXPECT_EQ(ids_of(taken.events), (std::vector<EventId>{1, 2}));
    EXPECT_TRUE(taken.more);
    EXPECT_EQ(ids_of(session->take(request).events), (std::vector<EventId>{3}));
    EXPECT_EQ(ids_of(session->take(request).events), (std::vector<EventId>{4})) << "the first may be larger";
    taken = session->take(request);
    EXPECT_EQ(ids_of(taken.events), (std::vector<EventId>{5, 6, 7}));
    EXPECT_FALSE(taken.more);
}

TEST_P(StoreConformance, BytesBoundHandedBackAndOverdueEventsToo) {
    const auto session = open();
    const std::string kilobyte(1000, 'x');
    session->publish({kilobyte, kilobyte, kilobyte, kilobyte});
    session->settle_all(session->take(2), Verdict::handed_back);
    session->take(2, doomed);  // takes 1 and 2 again
    session->take(2, doomed);  // and 3 and 4
    bed().pass(doomed_for);
    TakeRequest request;
    request.group = "default";
    request.max = 100;
    request.lease = long_lease;
    request.max_bytes = 1500;
    std::vector<EventId> all;
    for (int i = 0; i < 4; ++i) {
        const TakeReply taken = session->take(request);
        ASSERT_EQ(taken.events.size(), 1u) << "take " << i;
        EXPECT_EQ(taken.more, i < 3);
        all.push_back(taken.events[0].id);
    }
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, (std::vector<EventId>{1, 2, 3, 4}));
}

TEST_P(StoreConformance, EveryTakeHasAHigherEpochThanAllBefore) {
    const auto a = open(), b = open();
    a->publish(std::vector<std::string>(50, "x"));
    std::int64_t last = 0;
    for (int i = 0; i < 50; ++i) {
        const TakeReply taken = (i % 2 == 0 ? a : b)->take();
        ASSERT_EQ(taken.events.size(), 1u);
        EXPECT_GT(taken.epoch, last);
        last = taken.epoch;
    }
}

TEST_P(StoreConformance, ATakeThatFindsNothingUsesItsEpochUp) {
    const auto worker = open();
    const TakeReply nothing = worker->take();
    worker->publish_one();
    EXPECT_GT(worker->take().epoch, nothing.epoch);
}

TEST_P(StoreConformance, EpochsAreOfTheStoresClock) {
    const auto session = open();
    session->publish_one();
    const std::int64_t before = (bed().now() - Timestamp()).count();
    const std::int64_t epoch = session->take().epoch;
    EXPECT_GE(epoch, before);
    EXPECT_LE(epoch, (bed().now() - Timestamp()).count());
}

TEST_P(StoreConformance, TheEpochRisesOverHandBackAndOverALostLease) {
    const auto session = open();
    session->publish_one();
    const TakeReply first = session->take();
    session->settle_all(first, Verdict::handed_back);
    const TakeReply second = session->take(1, doomed);
    ASSERT_EQ(ids_of(second.events), (std::vector<EventId>{1}));
    EXPECT_GT(second.epoch, first.epoch);
    bed().pass(doomed_for);
    const TakeReply third = session->take();
    ASSERT_EQ(ids_of(third.events), (std::vector<EventId>{1}));
    EXPECT_GT(third.epoch, second.epoch);
}

TEST_P(StoreConformance, ALeaseThatRanOutIsTakenAgainByAnyWorker) {
    const auto a = open(), b = open();
    a->publish_one("work");
    ASSERT_EQ(a->take(1, doomed).events.size(), 1u);
    bed().pass(doomed_for);
    EXPECT_TRUE(b->upkeep());
    const TakeReply again = b->take();
    ASSERT_EQ(ids_of(again.events), (std::vector<EventId>{1}));
    EXPECT_EQ(again.events[0].payload, "work");
    EXPECT_EQ(again.events[0].attempt, 1) << "a lost lease is no attempt";
    EXPECT_FALSE(b->upkeep());
    EXPECT_TRUE(a->take().events.empty());
}

TEST_P(StoreConformance, ALeaseThatRunsIsNotTaken) {
    const auto a = open(), b = open();
    a->publish_one();
    ASSERT_EQ(a->take().events.size(), 1u);
    bed().pass(20ms);
    EXPECT_FALSE(b->upkeep());
    EXPECT_TRUE(b->take().events.empty());
}

TEST_P(StoreConformance, OverdueGoBeforeHandedBackGoBeforeNew) {
    const auto session = open();
    session->publish(std::vector<std::string>(2, "x"));
    const TakeReply first = session->take(2);
    session->publish(std::vector<std::string>(3, "x"));
    ASSERT_EQ(ids_of(session->take(1, doomed).events), (std::vector<EventId>{3}));
    session->settle(2, first.epoch, Verdict::handed_back);
    bed().pass(doomed_for);
    EXPECT_EQ(ids_of(session->take(100).events), (std::vector<EventId>{3, 2, 4, 5}));
}

TEST_P(StoreConformance, TheLeaseThatRanOutFirstIsTakenFirst) {
    const auto session = open();
    session->publish({"a", "b", "c"});
    const TakeReply first = session->take(3, doomed);
    bed().pass(doomed_for);
    ASSERT_TRUE(session->renew(2, first.epoch, doomed)) << "it ran out, but nobody took it";
    bed().pass(doomed_for);
    ASSERT_TRUE(session->renew(1, first.epoch, doomed));
    bed().pass(doomed_for);
    EXPECT_EQ(ids_of(session->take(100).events), (std::vector<EventId>{3, 2, 1}));
}

TEST_P(StoreConformance, AtTheThirdLostLeaseTheEventIsGivenUp) {
    const auto session = open();
    session->publish_one();
    for (int lost = 0; lost < 3; ++lost) {
        const TakeReply taken = session->take(1, doomed);
        ASSERT_EQ(ids_of(taken.events), (std::vector<EventId>{1})) << "after " << lost << " lost leases";
        EXPECT_TRUE(taken.refused.empty());
        bed().pass(doomed_for);
    }
    const TakeReply taken = session->take();
    EXPECT_TRUE(taken.events.empty());
    ASSERT_EQ(taken.refused.size(), 1u);
    EXPECT_EQ(taken.refused[0].id, 1);
    EXPECT_EQ(taken.refused[0].reason, "lost its lease 3 times");
    EXPECT_FALSE(taken.more);
    const auto event = session->get_one(1);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->status, EventStatus::error);
    EXPECT_EQ(event->last_error, "lost its lease 3 times");
    EXPECT_EQ(event->payload, "payload");
    EXPECT_TRUE(session->take().events.empty());
    EXPECT_TRUE(session->take().refused.empty());
}

TEST_P(StoreConformance, GivenUpEventsDoNotKeepOthersFromBeingTaken) {
    const auto session = open();
    session->publish(std::vector<std::string>(20, "x"));
    ASSERT_EQ(session->take(10, doomed).events.size(), 10u);
    bed().pass(doomed_for);
    TakeRequest request;
    request.group = "default";
    request.max = 10;
    request.max_lost_leases = 1;
    const TakeReply taken = session->take(request);
    EXPECT_EQ(taken.refused.size(), 10u);
    EXPECT_EQ(ids_of(taken.events), (std::vector<EventId>{11, 12, 13, 14, 15, 16, 17, 18, 19, 20}));
}

TEST_P(StoreConformance, ALostLeaseIsRememberedOverAHandBack) {
    const auto session = open();
    session->publish_one();
    for (int lost = 0; lost < 2; ++lost) {
        ASSERT_EQ(session->take(1, doomed).events.size(), 1u);
        bed().pass(doomed_for);
        session->settle_all(session->take(), Verdict::handed_back);
    }
    ASSERT_EQ(session->take(1, doomed).events.size(), 1u);
    bed().pass(doomed_for);
    EXPECT_EQ(session->take().refused.size(), 1u);
}

TEST_P(StoreConformance, WorkersAtTheSameTimeTakeEachEventOnce) {
    constexpr int workers = 4, events = 400;
    std::vector<std::unique_ptr<Session>> sessions;
    for (int i = 0; i < workers; ++i) {
        sessions.push_back(open());
    }
    sessions[0]->publish(std::vector<std::string>(events, "x"));
    std::mutex mutex;
    std::vector<EventId> taken;
    Counter answered;
    for (const auto& session : sessions) {
        session->run([&](Store& store) {
            for (int i = 0; i < 60; ++i) {
                TakeRequest request;
                request.group = "default";
                request.max = 2;
                request.lease = long_lease;
                request.ttl = long_ttl;
                store.take(request, [&](Result<TakeReply> reply) {
                    {
                        const std::lock_guard lock(mutex);
                        if (reply.ok()) {
                            const auto ids = ids_of(reply.value().events);
                            taken.insert(taken.end(), ids.begin(), ids.end());
                        }
                    }
                    answered.add();
                });
            }
        });
    }
    ASSERT_TRUE(answered.wait_for(workers * 60));
    std::sort(taken.begin(), taken.end());
    ASSERT_EQ(taken.size(), static_cast<std::size_t>(events));
    EXPECT_EQ(std::adjacent_find(taken.begin(), taken.end()), taken.end()) << "taken twice";
}

}  // namespace eventy::test
