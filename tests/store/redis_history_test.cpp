// Histories that break a queue built in the obvious way, told in docs/histories.md: those of Redis and of its clients.
#include <algorithm>
#include <filesystem>
#include <future>
#include <thread>

#include "store/redis_fixture.hpp"

namespace eventy::test {
namespace {

class RedisHistory : public RedisStoreTest {
protected:
    using RedisStoreTest::RedisStoreTest;

    void pass(milliseconds duration) {
        const std::int64_t end = now_ms() + duration.count() + 1;
        while (now_ms() < end) {
        }
    }
    std::int64_t markers() { return redis({"LLEN", group().wake}).integer; }
};

TEST_F(RedisHistory, A4WhereNoGroupIsNobodyHasProcessedAnything) {
    const auto session = open();
    publish(*session, 3);
    redis({"DEL", keys().groups});
    EXPECT_EQ(session->get_one(1)->status, EventStatus::pending);
    EXPECT_EQ(session->count({.status = EventStatus::pending}), 3);
    EXPECT_EQ(session->count({.status = EventStatus::processed}), 0);
}

TEST_F(RedisHistory, A11SettlementsOverCutConnectionsAreNoLostLeases) {
    const auto session = open();
    publish(*session, 1);
    session->settle_all(session->take());  // Redis knows the scripts
    // Until the answer to one was lost that Redis had applied: then its script ran twice.
    bool was_lost = false;
    for (int round = 0; round < 300 && !was_lost; ++round) {
        publish(*session, 1);
        const TakeReply taken = session->take();
        ASSERT_EQ(taken.events.size(), 1U);
        const auto before = calls_of("evalsha");
        // Both commands wait for the stopped server: it reads the settlement, then the one that cuts its connection
        // before the answer is written.
        server().pause();
        const auto held = std::make_shared<std::promise<bool>>();
        session->run([&](Store& store) {
            SettleRequest request;
            request.group = "default";
            request.settlements.push_back({{taken.events[0].id, taken.epoch}});
            store.settle(request, [held](const Result<StillHeld>& result) {
                held->set_value(result.ok() && result.value() == StillHeld{true});
            });
        });
        session->run([](Store&) {});  // it is written by now
        std::thread cut([this] { redis({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}); });
        std::this_thread::sleep_for(milliseconds(round % 5));
        server().resume();
        cut.join();
        auto answer = held->get_future();
        ASSERT_EQ(answer.wait_for(patience), std::future_status::ready);
        ASSERT_TRUE(answer.get()) << "accepted, but the answer to its second copy said that the lease was lost";
        was_lost = calls_of("evalsha") - before == 2;
    }
    EXPECT_TRUE(was_lost) << "no answer was lost: nothing was tested";
}

TEST_F(RedisHistory, A15ADueTimeWakesOnlyWhoKnowsItAndIsSeenByAllOnceItHasCome) {
    const auto knows = open(), other = open();
    publish(*knows, 1);
    const TakeReply taken = knows->take();
    ASSERT_TRUE(other->take().events.empty());
    ASSERT_TRUE(knows->retry_later(1, taken.epoch, "later", 1h));
    EXPECT_EQ(markers(), 0) << "nobody can take it yet";
    EXPECT_FALSE(other->upkeep());
    redis({"ZADD", group().delayed, "XX", std::to_string(now_ms()), "1"});  // an hour later
    pass(1ms);
    EXPECT_EQ(markers(), 0) << "it is for the timer of the one that knows";
    EXPECT_TRUE(other->upkeep()) << "should that one be dead, the others' look once a second finds it";
    EXPECT_EQ(ids_of(other->take().events), std::vector<EventId>{1});
}

TEST_F(RedisHistory, B4TwoHundredThousandExpiredIdsAheadArePassedInBoundedSteps) {
    const auto session = open();
    publish(*session, 1);
    session->settle_all(session->take());
    redis({"SET", keys().counter, "200001"});
    redis({"HSET", keys().meta, "top", "200001"});  // their events are gone
    session->publish_one("there");
    const auto reads = calls_of("hmget"), looks = calls_of("exists");
    std::vector<EventId> taken;
    int takes = 0;
    for (bool more = true; more && takes < 1000; ++takes) {
        const TakeReply reply = session->take(10);
        EXPECT_LE(reply.expired, 2000) << "Redis stands still for others meanwhile";
        more = reply.more;
        for (const StoredEvent& event : reply.events) {
            taken.push_back(event.id);
        }
    }
    EXPECT_EQ(taken, std::vector<EventId>{200'002});
    EXPECT_LE(takes, 110);
    EXPECT_LE(calls_of("hmget") - reads, takes * 25) << "a read for each id";
    EXPECT_LE(calls_of("exists") - looks, takes * 25) << "a command for each id";
    EXPECT_EQ(session->stats().expired, 200'000);
}

TEST_F(RedisHistory, B6WhatIsLeftAloneAfterAnOutageLeavesNoMarker) {
    const auto session = open();
    publish(*session, 3);
    session->take(3, 1ms);
    pass(3ms);
    redis({"HSET", keys().meta, "seen", std::to_string(now_ms() - 15'000)});  // nobody could work for 15 s
    for (int i = 0; i < 3; ++i) {
        const TakeReply reply = session->take(1);
        if (redis({"HGET", keys().meta, "grace"}).text == "0") {
            break;  // this machine stood still for so long that the grace is over
        }
        EXPECT_TRUE(reply.events.empty());
        EXPECT_FALSE(reply.more) << "it would ask again at once, and again";
        EXPECT_EQ(markers(), 0);
    }
}

TEST_F(RedisHistory, B7SubscribersAreFoundWithoutAWalkOverAllKeys) {
    const auto session = open();
    publish(*session, 500);
    session->upkeep({"default", {{"s", "Order", "default", "w", "h", 1, {}}}, 10s});
    redis({"CONFIG", "RESETSTAT"});
    EXPECT_EQ(session->subscribers().size(), 1U);
    EXPECT_EQ(session->stats().subscribers, 1);
    EXPECT_EQ(calls_of("scan") + calls_of("keys"), 0);
    EXPECT_LE(calls_of("hmget") + calls_of("hgetall"), 10);
}

// -- a failover that lost the last writes, as a server that starts with an older copy of its data ---------------------
class RedisRollback : public RedisHistory {
protected:
    RedisRollback() : RedisHistory(RedisServer::Options{{}, true}) {}

    std::string data() { return server().folder() + "/appendonlydir"; }
    std::string copy() { return server().folder() + "/copy"; }

    void keep_a_copy() {
        server().stop();
        std::filesystem::remove_all(copy());
        std::filesystem::copy(data(), copy(), std::filesystem::copy_options::recursive);
        server().start();
    }
    void go_back_to_the_copy() {
        server().kill9();
        std::filesystem::remove_all(data());
        std::filesystem::copy(copy(), data(), std::filesystem::copy_options::recursive);
        server().start();
    }
};

TEST_F(RedisRollback, A2WhoHeldAnIdThatIsGivenAgainCannotSettleTheOtherEvent) {
    const auto first = open(), second = open();
    publish(*first, 1);
    first->settle_all(first->take());
    keep_a_copy();

    EXPECT_EQ(first->publish_one("lost with the failover"), 2);
    const TakeReply before = first->take();
    ASSERT_EQ(ids_of(before.events), std::vector<EventId>{2});
    go_back_to_the_copy();

    EXPECT_EQ(second->publish_one("another event"), 2) << "the id is given a second time";
    const TakeReply after = second->take();
    ASSERT_EQ(ids_of(after.events), std::vector<EventId>{2});
    EXPECT_EQ(after.events[0].payload, "another event");
    EXPECT_GT(after.epoch, before.epoch);
    EXPECT_FALSE(first->renew(2, before.epoch));
    EXPECT_FALSE(first->progress(2, before.epoch, 0.5));
    EXPECT_FALSE(first->settle(2, before.epoch));
    EXPECT_EQ(second->get_one(2)->status, EventStatus::processing);
    EXPECT_TRUE(second->settle(2, after.epoch));
    EXPECT_EQ(second->get_one(2)->status, EventStatus::processed);
}

TEST_F(RedisRollback, A10AndA16NobodyIsDeafAfterwardsAndTheLossIsSaid) {
    const auto publisher = open(), worker = open();
    publish(*publisher, 3);
    worker->settle_all(worker->take(3));
    keep_a_copy();
    LogCapture log;
    publish(*publisher, 5);
    worker->settle_all(worker->take(5));
    go_back_to_the_copy();

    EXPECT_EQ(publish(*publisher, 2), (std::vector<EventId>{4, 5}));
    const TakeReply taken = worker->take(10);
    EXPECT_EQ(ids_of(taken.events), (std::vector<EventId>{4, 5}));
    worker->settle_all(taken);
    EXPECT_EQ(publish(*publisher, 1), std::vector<EventId>{6});
    EXPECT_EQ(ids_of(worker->take(10).events), std::vector<EventId>{6});
    EXPECT_GE(log.count("has lost writes that it had confirmed"), 1);
}

}  // namespace
}  // namespace eventy::test
