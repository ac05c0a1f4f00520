// What others do to our keys must not stop a queue (histories A1, A4, A6, A7, A16).
#include <algorithm>
#include <cstdint>

#include "store/redis_fixture.hpp"

namespace eventy::test {
namespace {

class RedisDamage : public RedisStoreTest {};

// -- event keys ------------------------------------------------------------------------------------------------------
TEST_F(RedisDamage, AnEventThatIsGoneIsNotMadeAnewByItsSettlement) {
    const auto session = open();
    publish(*session, 4);
    const TakeReply taken = session->take(4);
    for (const EventId id : {1, 2, 3, 4}) {
        redis({"DEL", event_key(id)});
    }
    EXPECT_TRUE(session->progress(1, taken.epoch, 0.5));
    EXPECT_TRUE(session->settle(1, taken.epoch));
    EXPECT_TRUE(session->settle(2, taken.epoch, Verdict::failed, "no"));
    EXPECT_TRUE(session->settle(3, taken.epoch, Verdict::handed_back));
    EXPECT_TRUE(session->renew(4, taken.epoch));
    for (const EventId id : {1, 2, 3, 4}) {
        EXPECT_EQ(redis({"EXISTS", event_key(id)}).integer, 0) << id;
    }
    EXPECT_EQ(redis({"ZCARD", group().dead}).integer, 0);
    EXPECT_EQ(redis({"ZCARD", group().delayed}).integer, 0);
    EXPECT_EQ(redis({"ZRANGE", keys().index, "0", "-1"}).texts(), std::vector<std::string>{"4"});
    EXPECT_EQ(session->stats().expired, 2) << "the one that failed and the one that was handed back";
}

TEST_F(RedisDamage, AnUnreadableEventIsErrorAndTheGroupGoesOn) {
    const auto session = open({}, {.max_payload_bytes = 100}, {.reply_bytes = 1000});
    publish(*session, 6);
    redis({"SET", event_key(1), "x"});
    redis({"DEL", event_key(2)});
    redis({"RPUSH", event_key(2), "x"});
    redis({"HDEL", event_key(3), "payload"});
    redis({"HSET", event_key(4), "payload", std::string(101, 'x')});
    const TakeReply taken = session->take(10);
    EXPECT_EQ(ids_of(taken.events), (std::vector<EventId>{5, 6}));
    ASSERT_EQ(taken.refused.size(), 4u);
    EXPECT_EQ(taken.refused[0].reason, "its key holds a string, not a hash");
    EXPECT_EQ(taken.refused[1].reason, "its key holds a list, not a hash");
    EXPECT_EQ(taken.refused[2].reason, "its hash has no payload");
    EXPECT_EQ(taken.refused[3].reason, "its payload has 101 bytes, more than the max_payload_bytes of 100");
    session->settle_all(taken);

    const auto events = session->get({1, 2, 3, 4});
    for (std::size_t i = 0; i < 4; ++i) {
        ASSERT_TRUE(events[i]) << i + 1;
        EXPECT_EQ(events[i]->status, EventStatus::error) << i + 1;
        EXPECT_EQ(events[i]->unreadable, taken.refused[i].reason);
        EXPECT_TRUE(events[i]->payload.empty());
        EXPECT_GT(redis({"PTTL", event_key(static_cast<EventId>(i) + 1)}).integer, 0) << "left behind: " << i + 1;
    }
    EXPECT_EQ(ids_of(session->search_all({.status = EventStatus::error})), (std::vector<EventId>{4, 3, 2, 1}));
    EXPECT_EQ(redis({"HGET", event_key(3), "status"}).text, "ERROR");
    EXPECT_EQ(redis({"HGET", event_key(3), "error"}).text, "its hash has no payload");
    EXPECT_TRUE(session->take(10).refused.empty()) << "refused once";
}

TEST_F(RedisDamage, AnEventThatBecomesUnreadableWhileItIsHeldSettles) {
    const auto session = open();
    publish(*session, 2);
    const TakeReply taken = session->take(2);
    redis({"SET", event_key(1), "x"});
    redis({"SET", event_key(2), "x"});
    EXPECT_TRUE(session->renew(1, taken.epoch));
    EXPECT_TRUE(session->settle(1, taken.epoch));
    EXPECT_TRUE(session->settle(2, taken.epoch, Verdict::failed, "no"));
    EXPECT_GT(redis({"PTTL", event_key(2)}).integer, 0);
    publish(*session, 1);
    EXPECT_EQ(ids_of(session->take(10).events), (std::vector<EventId>{3}));
}

TEST_F(RedisDamage, WhatStandsUnderANewIdIsReplaced) {
    const auto session = open();
    redis({"SET", event_key(1), "x"});
    redis({"HSET", event_key(2), "payload", "old", "error", "old"});
    redis({"HSET", event_key(3), "key", "old"});
    PublishRequest request{{{"a"}, {"b"}, {"c", "new"}}, long_ttl, "w"};
    session->publish(request);
    EXPECT_EQ(redis({"HLEN", event_key(1)}).integer, 5);
    EXPECT_EQ(redis({"HLEN", event_key(2)}).integer, 5);
    EXPECT_EQ(redis({"HGET", event_key(3), "key"}).text, "new");
    EXPECT_EQ(ids_of(session->take(10).events), (std::vector<EventId>{1, 2, 3}));
}

// -- shared keys -----------------------------------------------------------------------------------------------------
TEST_F(RedisDamage, ATtlOnASharedKeyIsTakenOff) {
    const auto session = open();
    publish(*session, 4);
    const auto expire = [&](const std::string& key) { ASSERT_EQ(redis({"EXPIRE", key, "1000"}).integer, 1) << key; };
    const auto stays = [&](const std::string& key) { return redis({"PTTL", key}).integer == -1; };
    expire(keys().index);
    const TakeReply taken = session->take(3);
    EXPECT_TRUE(stays(keys().index)) << "take";
    expire(keys().index);
    session->renew(1, taken.epoch);
    EXPECT_TRUE(stays(keys().index)) << "renew";
    expire(keys().index);
    session->settle(1, taken.epoch);
    EXPECT_TRUE(stays(keys().index)) << "settle";
    session->settle(2, taken.epoch, Verdict::handed_back);
    session->settle(3, taken.epoch, Verdict::failed, "no");
    session->take(0 + 1);  // leases 2 again
    publish(*session, 1);
    session->upkeep({"default", {{"s", "Order", "default", "w", "h", 1, {}}}, 10s});
    for (const std::string& key : {keys().meta, keys().counter, keys().index, keys().groups, keys().workers,
                                   group().leases, group().held, group().dead}) {
        expire(key);
    }
    session->upkeep();
    for (const std::string& key : {keys().meta, keys().counter, keys().index, keys().groups, keys().workers,
                                   group().leases, group().held, group().dead}) {
        EXPECT_TRUE(stays(key)) << key;
    }
}

TEST_F(RedisDamage, ACounterThatIsGoneOrNonsenseIsMended) {
    const auto session = open();
    publish(*session, 3);
    EventId next = 4;
    for (const char* const nonsense :
         {"", "zero", "-7", "1", "2.5", "nan", "5000000", "1e300", "99999999999999999999"}) {
        SCOPED_TRACE(nonsense);
        if (*nonsense == '\0') {
            redis({"DEL", keys().counter});
        } else {
            redis({"SET", keys().counter, nonsense});
        }
        EXPECT_EQ(session->publish_one("x"), next);
        EXPECT_EQ(redis({"GET", keys().counter}).text, std::to_string(next));
        ++next;
    }
    redis({"DEL", keys().counter});
    EXPECT_EQ(session->stats().last_id, next - 1);
    EXPECT_EQ(session->take(100).events.size(), static_cast<std::size_t>(next - 1)) << "nobody is deaf";
    session->publish_one("x");
    EXPECT_EQ(ids_of(session->take(100).events), (std::vector<EventId>{next}));
}

TEST_F(RedisDamage, ADeletedMetaLosesNothing) {
    const auto session = open();
    publish(*session, 5);
    const TakeReply taken = session->take(2);
    redis({"DEL", keys().meta});
    EXPECT_TRUE(session->settle(1, taken.epoch));
    EXPECT_EQ(session->publish_one("x"), 6);
    redis({"DEL", keys().meta});
    redis({"DEL", keys().counter});
    EXPECT_EQ(session->publish_one("x"), 7) << "the index knows the last id";
    const TakeReply rest = session->take(100);
    EXPECT_EQ(ids_of(rest.events), (std::vector<EventId>{3, 4, 5, 6, 7}));
    EXPECT_GT(rest.epoch, taken.epoch);
    redis({"DEL", keys().meta, keys().counter, keys().index});
    EXPECT_EQ(session->publish_one("x"), 8) << "the groups know what they took";
    const auto events = session->search_all();
    EXPECT_EQ(ids_of(events), (std::vector<EventId>{8, 7, 6, 5, 4, 3, 2, 1}));
}

TEST_F(RedisDamage, CreatedAtRisesOverADeletedMeta) {
    const auto session = open();
    publish(*session, 1000);  // a thousand microseconds ahead
    redis({"DEL", keys().meta});
    session->publish_one("x");
    const auto events = session->get({1000, 1001});
    EXPECT_LT(events[0]->created_at, events[1]->created_at);
}

TEST_F(RedisDamage, ADeletedIndexDoesNotStopDelivery) {
    const auto session = open();
    publish(*session, 4);
    session->settle_all(session->take(1));
    redis({"DEL", keys().index});
    const TakeReply taken = session->take(2);
    EXPECT_EQ(ids_of(taken.events), (std::vector<EventId>{2, 3}));
    publish(*session, 1);
    EXPECT_EQ(ids_of(session->search_all()), (std::vector<EventId>{5, 4, 3, 2, 1})) << "all of it comes back";
    EXPECT_EQ(session->count({.status = EventStatus::processing}), 2);
    session->settle_all(taken);
    const TakeReply rest = session->take(10);
    EXPECT_EQ(ids_of(rest.events), (std::vector<EventId>{4, 5}));
    session->settle_all(rest);
    EXPECT_EQ(session->count({.status = EventStatus::pending}), 0);
    EXPECT_EQ(session->count({.status = EventStatus::error}), 0);
}

TEST_F(RedisDamage, ADeletedGroupsHashLosesNothingAndRepeatsNothing) {
    const auto session = open();
    publish(*session, 10);
    const TakeReply first = session->take(6);
    session->settle(1, first.epoch);
    session->settle(2, first.epoch);
    session->settle(3, first.epoch, Verdict::failed, "no");
    session->settle(4, first.epoch, Verdict::handed_back);  // 5 and 6 stay leased
    redis({"DEL", keys().groups});
    publish(*session, 1);
    std::vector<EventId> taken;
    for (int i = 0; i < 20; ++i) {
        for (const StoredEvent& event : session->take(3).events) {
            taken.push_back(event.id);
        }
    }
    std::sort(taken.begin(), taken.end());
    EXPECT_EQ(taken, (std::vector<EventId>{4, 7, 8, 9, 10, 11}));
    EXPECT_TRUE(session->settle(5, first.epoch)) << "what was in flight still is";
    EXPECT_TRUE(session->settle(6, first.epoch));
    const auto events = session->get({1, 2, 3, 5, 6});
    EXPECT_EQ(events[0]->status, EventStatus::processed);
    EXPECT_EQ(events[2]->status, EventStatus::error);
    EXPECT_EQ(events[4]->status, EventStatus::processed);
    EXPECT_EQ(session->stats().expired, 0);
}

TEST_F(RedisDamage, AGroupsHashAndItsSetsThatAreGoneTogetherLoseNothing) {
    const auto session = open();
    publish(*session, 5);
    const TakeReply first = session->take(3);
    session->settle(1, first.epoch);
    session->settle(2, first.epoch, Verdict::failed, "no");
    redis({"DEL", keys().groups, group().leases, group().held, group().dead});
    EXPECT_EQ(ids_of(session->take(10).events), (std::vector<EventId>{3, 4, 5})) << "3 was in flight";
    EXPECT_FALSE(session->settle(3, first.epoch)) << "the old lease is no more";
    EXPECT_EQ(session->get_one(2)->status, EventStatus::error) << "what was given up stays so";
    EXPECT_EQ(redis({"ZRANGE", group().dead, "0", "-1"}).texts(), std::vector<std::string>{"2"});
}

TEST_F(RedisDamage, EditedRecordsOfAGroupAreMadeAnew) {
    const auto session = open();
    publish(*session, 3);
    session->settle_all(session->take(2));
    redis({"HSET", keys().groups, "default", "what?"});
    EXPECT_EQ(ids_of(session->take(10).events), (std::vector<EventId>{3}));
}

TEST_F(RedisDamage, AnotherDataSetIsNoticedAndWorkGoesOn) {
    const auto session = open();
    LogCapture log;
    publish(*session, 3);
    session->take(2);
    redis({"FLUSHALL"});
    EXPECT_EQ(session->publish_one("x"), 1);
    EXPECT_EQ(log.count("not the one seen before"), 1);
    EXPECT_EQ(ids_of(session->take(10).events), (std::vector<EventId>{1}));
    EXPECT_EQ(log.count("not the one seen before"), 1);
}

}  // namespace
}  // namespace eventy::test
