// Delivery as the keys show it: epochs, grace after an outage, markers, clean-up (histories A2, A13, A16, B1, B2, B4,
// B6).
#include <algorithm>

#include "store/redis_fixture.hpp"

namespace eventy::test {
namespace {

class RedisDelivery : public RedisStoreTest {
protected:
    void pass(milliseconds duration) {
        const std::int64_t end = now_ms() + duration.count() + 1;
        while (now_ms() < end) {
        }
    }
    std::int64_t markers(const std::string& group_name = "default") {
        return redis({"LLEN", keys().wake_start + group_name}).integer;
    }
    bool idle(const std::string& group_name = "default") {
        return redis({"SISMEMBER", keys().idle, group_name}).integer == 1;
    }
    /// Sweeps until nothing is left to do.
    void sweep() {
        for (int i = 0; i < 1000; ++i) {
            const RedisValue reply =
                eval(redis::scripts::sweep, {keys().meta, keys().index, keys().groups, keys().counter},
                     {keys().event_start, keys().dead_start, keys().open_start, keys().delayed_start, keys().held_start,
                      "200"});
            if (reply.items.at(2).integer == 0) {
                return;
            }
        }
        FAIL() << "the clean-up never ends";
    }
};

// -- epochs ----------------------------------------------------------------------------------------------------------
TEST_F(RedisDelivery, TheEpochSurvivesFlushAndDeletedKeys) {
    const auto session = open();
    publish(*session, 1);
    const TakeReply first = session->take();
    redis({"FLUSHALL"});
    publish(*session, 1);
    const TakeReply second = session->take();
    EXPECT_GT(second.epoch, first.epoch);
    EXPECT_FALSE(session->settle(1, first.epoch)) << "the same id, another event: the late settlement is refused";
    EXPECT_TRUE(session->settle(1, second.epoch));
}

TEST_F(RedisDelivery, TheEpochRisesWhenTheServersClockGoesBack) {
    const auto session = open();
    publish(*session, 2);
    session->take();
    const std::string ahead = std::to_string((now_ms() + 1'000'000) * 1000);
    redis({"HSET", keys().meta, "epoch", ahead});
    EXPECT_EQ(session->take().epoch, std::stoll(ahead) + 1);
}

TEST_F(RedisDelivery, TimesOfEventsRiseWhenTheServersClockGoesBack) {
    const auto session = open();
    publish(*session, 1);
    const std::int64_t ahead = (now_ms() + 1'000'000) * 1000;
    redis({"HSET", keys().meta, "us", std::to_string(ahead)});
    EXPECT_EQ(session->publish(PublishRequest{{{"x"}, {"y"}}, long_ttl, "w"}).first_us, ahead + 1);
    EXPECT_EQ(ids_of(session->search_all()), (std::vector<EventId>{3, 2, 1}));
}

// -- Redis was away --------------------------------------------------------------------------------------------------
TEST_F(RedisDelivery, AfterAnOutageLeasesThatRanOutAreLeftAloneForAMoment) {
    const auto holder = open(), other = open();
    publish(*holder, 3);
    const TakeReply taken = holder->take(2, 1ms);
    pass(3ms);
    redis({"HSET", keys().meta, "seen", std::to_string(now_ms() - 15'000)});  // nobody could work for 15 s

    EXPECT_EQ(ids_of(other->take(10).events), (std::vector<EventId>{3})) << "new ones are taken";
    EXPECT_FALSE(other->upkeep()) << "what is left alone is not takeable";
    EXPECT_TRUE(holder->renew(1, taken.epoch)) << "its holder comes back";
    redis({"HSET", keys().meta, "grace", std::to_string(now_ms() - 1)});
    EXPECT_TRUE(other->upkeep());
    EXPECT_EQ(ids_of(other->take(10).events), (std::vector<EventId>{2})) << "the other's holder did not";
    EXPECT_TRUE(holder->settle(1, taken.epoch));
    EXPECT_FALSE(holder->settle(2, taken.epoch));
}

TEST_F(RedisDelivery, TheGraceIsSetByWhoeverComesFirst) {
    const auto session = open();
    publish(*session, 1);
    const TakeReply taken = session->take(1, 1ms);
    pass(3ms);
    for (const bool by_upkeep : {true, false}) {
        redis({"HSET", keys().meta, "seen", std::to_string(now_ms() - 15'000), "grace", "0"});
        if (by_upkeep) {
            EXPECT_FALSE(session->upkeep());
        } else {
            session->renew(99, 1);
        }
        EXPECT_TRUE(session->take(10).events.empty()) << "by upkeep: " << by_upkeep;
    }
    EXPECT_TRUE(session->settle(1, taken.epoch));
}

TEST_F(RedisDelivery, ARenewalShowsThatRedisIsThere) {
    const auto session = open();
    publish(*session, 1);
    const TakeReply taken = session->take(1);
    redis({"HSET", keys().meta, "seen", std::to_string(now_ms() - 4'000)});
    const std::int64_t before = now_ms();
    EXPECT_TRUE(session->renew(1, taken.epoch));
    EXPECT_GE(std::stoll(redis({"HGET", keys().meta, "seen"}).text), before);
}

TEST_F(RedisDelivery, AGraceFarInTheFutureIsNotBelieved) {
    const auto session = open();
    publish(*session, 1);
    session->take(1, 1ms);
    pass(3ms);
    redis({"HSET", keys().meta, "grace", std::to_string(now_ms() + 1'000'000)});
    EXPECT_EQ(session->take(10).events.size(), 1u);
}

// -- waking ----------------------------------------------------------------------------------------------------------
TEST_F(RedisDelivery, APublishLeavesOneMarkerForEachIdleGroup) {
    const auto session = open();
    for (const char* const name : {"default", "mail", "audit"}) {
        session->take(1, long_lease, name);
        EXPECT_TRUE(idle(name));
    }
    publish(*session, 5);
    publish(*session, 5);
    for (const char* const name : {"default", "mail", "audit"}) {
        EXPECT_EQ(markers(name), 1) << name;
        EXPECT_FALSE(idle(name)) << name << " is woken once, until a take comes";
    }
}

TEST_F(RedisDelivery, ATakeThatLeavesSomethingPassesTheMarkerOn) {
    const auto session = open();
    publish(*session, 3);
    session->take(1);
    EXPECT_EQ(markers(), 1);
    session->take(1);
    EXPECT_EQ(markers(), 1);
    session->take(1);
    EXPECT_EQ(markers(), 0) << "nothing is left";
    EXPECT_TRUE(idle());
}

TEST_F(RedisDelivery, WhatIsNotTakeableLeavesNoMarker) {
    const auto session = open();
    publish(*session, 3);
    const TakeReply taken = session->take(3);
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(session->take(10).events.empty());
        EXPECT_EQ(markers(), 0) << "leased events are nobody's to take";
    }
    session->settle(1, taken.epoch, Verdict::handed_back);
    session->settle(2, taken.epoch, Verdict::handed_back);
    EXPECT_EQ(markers(), 1);
    EXPECT_FALSE(idle());
}

TEST_F(RedisDelivery, APublishDoesNotDependOnTheNumberOfBusyGroups) {
    const auto session = open();
    publish(*session, 1);
    for (int i = 0; i < 50; ++i) {
        session->take(1, long_lease, "group" + std::to_string(i));
    }
    publish(*session, 10);  // wakes the idle ones
    const auto pushes = calls_of("rpush"), lookups = calls_of("llen");
    publish(*session, 10);
    EXPECT_EQ(calls_of("rpush"), pushes);
    EXPECT_EQ(calls_of("llen"), lookups);
}

TEST_F(RedisDelivery, AMarkerForNobodyIsPutBackOnce) {
    const auto session = open();
    EXPECT_EQ(eval(redis::scripts::push_back, {group().wake}, {}).integer, 1);
    EXPECT_EQ(eval(redis::scripts::push_back, {group().wake}, {}).integer, 0);
    EXPECT_EQ(markers(), 1);
}

// -- cleaning up -----------------------------------------------------------------------------------------------------
TEST_F(RedisDelivery, EveryTtlIsCleanedUpAndLiveEventsStay) {
    const auto session = open();
    for (int round = 0; round < 20; ++round) {
        for (int ttl = 1; ttl <= 5; ++ttl) {
            session->publish({"short", "short"}, milliseconds(ttl));
        }
        session->publish({"long"}, 1h);
        session->publish({"longer"}, 2h);
    }
    pass(20ms);
    sweep();
    EXPECT_EQ(redis({"ZCARD", keys().index}).integer, 40);
    EXPECT_EQ(session->search_all().size(), 40u);
    sweep();
    EXPECT_EQ(redis({"ZCARD", keys().index}).integer, 40);
}

TEST_F(RedisDelivery, MoreTtlsThanPointersAreCleanedUpToo) {
    const auto session = open();
    for (int ttl = 1; ttl <= 40; ++ttl) {
        session->publish({"x"}, milliseconds(ttl));
    }
    pass(60ms);
    sweep();
    EXPECT_EQ(redis({"ZCARD", keys().index}).integer, 0);
    const std::string classes = redis({"HGET", keys().meta, "sweep"}).text;
    EXPECT_EQ(std::count(classes.begin(), classes.end(), ':'), 16) << classes;
}

TEST_F(RedisDelivery, AnEntryIsLookedAtOnceHoweverLongItIsThere) {
    const auto session = open();
    session->publish({"short"}, 1ms);
    for (int i = 0; i < 10; ++i) {
        session->publish(std::vector<std::string>(1000, "long"), 1h);
    }
    pass(15ms);
    sweep();
    const auto before = calls_of("exists");
    for (int i = 0; i < 10; ++i) {
        sweep();
    }
    EXPECT_LE(calls_of("exists") - before, 10 * 2) << "only the few in turn";
    EXPECT_EQ(redis({"ZCARD", keys().index}).integer, 10'000);
}

TEST_F(RedisDelivery, AnIdleWorkerSweepsOnlyWhenThereIsSomethingToSweep) {
    const auto session = open();
    session->publish({"long"}, 1h);
    session->take();
    const auto upkeep = [&] {
        redis({"HSET", keys().meta, "swept", std::to_string(now_ms())});  // another worker swept just now
        const auto before = calls_of("evalsha");
        session->upkeep();
        redis({"PING"});
        session->upkeep();  // behind a sweep that the first one may have asked for
        return calls_of("evalsha") - before;
    };
    upkeep();
    EXPECT_EQ(upkeep(), 2) << "one command each";
    session->publish({"short"}, 1ms);
    pass(20ms);
    EXPECT_GT(upkeep(), 2) << "something has expired";
    redis({"HSET", keys().meta, "swept", "1"});
    const auto before = calls_of("evalsha");
    session->upkeep();
    session->upkeep();
    EXPECT_EQ(calls_of("evalsha") - before, 3) << "nobody has swept for long";
}

TEST_F(RedisDelivery, DeletedMetaDoesNotLeaveOldEntriesForEver) {
    const auto session = open();
    session->publish({"a", "b"}, 1ms);
    redis({"DEL", keys().meta});
    session->publish({"c"}, 2ms);
    pass(20ms);
    sweep();
    EXPECT_EQ(redis({"ZCARD", keys().index}).integer, 0);
}

TEST_F(RedisDelivery, GivenUpEventsLeaveTheirSetsWhenTheyExpire) {
    const auto session = open();
    publish(*session, 100);
    const TakeReply taken = session->take(100);
    SettleRequest request;
    request.group = "default";
    request.ttl = long_ttl;
    for (EventId id = 1; id <= 50; ++id) {
        request.settlements.push_back({{id, taken.epoch}, Verdict::failed, "no"});
    }
    for (EventId id = 51; id <= 100; ++id) {
        request.settlements.push_back({{id, taken.epoch}, Verdict::handed_back});
    }
    session->settle(request);
    EXPECT_EQ(session->count({.status = EventStatus::error}), 50);
    for (EventId id = 1; id <= 100; ++id) {
        if (id % 2 == 0) {
            redis({"DEL", event_key(id)});  // as if it had expired
        }
    }
    for (int i = 0; i < 40; ++i) {
        sweep();
    }
    EXPECT_EQ(redis({"ZCARD", group().dead}).integer, 25);
    EXPECT_EQ(redis({"ZCARD", group().open}).integer, 25);
    EXPECT_EQ(redis({"ZCARD", group().delayed}).integer, 25);
    EXPECT_EQ(redis({"ZCARD", keys().index}).integer, 50);
    EXPECT_EQ(session->stats().expired, 25) << "the handed back ones; the others had been processed";
}

TEST_F(RedisDelivery, APublisherAloneCleansUp) {
    const auto session = open();
    session->publish(std::vector<std::string>(500, "x"), 1ms);
    pass(20ms);
    const auto deadline = std::chrono::steady_clock::now() + patience;
    // Not before 0.9 s after the last clean-up, so publish until then.
    while (redis({"ZCARD", keys().index}).integer >= 500 && std::chrono::steady_clock::now() < deadline) {
        session->publish({"y"}, 1ms);
    }
    EXPECT_LT(redis({"ZCARD", keys().index}).integer, 500);
}

TEST_F(RedisDelivery, ManyExpiredIdsAreSkippedByThousands) {
    const auto session = open();
    session->take();
    publish(*session, 1);
    redis({"MSET", keys().counter, "100001"});
    redis({"HSET", keys().meta, "top", "100001"});
    session->publish_one("there");
    const auto looks = calls_of("hmget");
    std::vector<EventId> taken;
    int takes = 0;
    for (bool more = true; more && takes < 1000; ++takes) {
        const TakeReply reply = session->take(10);
        more = reply.more;
        for (const StoredEvent& event : reply.events) {
            taken.push_back(event.id);
        }
    }
    EXPECT_EQ(taken, (std::vector<EventId>{1, 100'002}));
    EXPECT_LE(takes, 60);
    EXPECT_LE(calls_of("hmget") - looks, takes * 25);
    EXPECT_EQ(session->stats().expired, 100'000);
}

}  // namespace
}  // namespace eventy::test
