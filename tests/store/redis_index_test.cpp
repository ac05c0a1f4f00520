// An index that somebody deleted, or took entries out of: what it lacks comes back, and meanwhile nothing waits unseen.
#include <algorithm>
#include <cstdint>

#include "store/redis_fixture.hpp"

namespace eventy::test {
namespace {

class RedisIndex : public RedisStoreTest {
protected:
    std::vector<std::string> index() { return redis({"ZRANGE", keys().index, "0", "-1", "WITHSCORES"}).texts(); }
    std::int64_t field_of_meta(const std::string& field) {
        const std::string text = redis({"HGET", keys().meta, field}).text;
        return text.empty() ? -1 : std::stoll(text);
    }
    /// So many more hashes of events, and a counter that knows them: much quicker than to publish them.
    void add_events_without_index(std::int64_t count) {
        redis({"EVAL",
               "local last = tonumber(redis.call('GET', KEYS[1]))\n"
               "for id = last + 1, last + ARGV[2] do redis.call('HSET', ARGV[1] .. id, 'payload', 'x') end\n"
               "redis.call('INCRBY', KEYS[1], ARGV[2])\n"
               "redis.call('HINCRBY', KEYS[2], 'top', ARGV[2])\n"
               "redis.call('HINCRBY', KEYS[2], 'indexed', ARGV[2])",
               "2", keys().counter, keys().meta, keys().event_start, std::to_string(count)});
    }
};

TEST_F(RedisIndex, ADeletedIndexIsSeenByNobodyWhoReads) {
    const auto session = open();
    publish(*session, 6);
    const TakeReply taken = session->take(3);
    session->settle(1, taken.epoch);
    session->settle(2, taken.epoch, Verdict::failed, "no");
    const auto before = index();
    const QueueStats stats_before = session->stats();

    const auto deleted = [&] { ASSERT_EQ(redis({"DEL", keys().index}).integer, 1); };
    deleted();
    const QueueStats stats = session->stats();
    EXPECT_EQ(stats.groups.at("default").lag, 3);
    EXPECT_TRUE(stats.groups.at("default").oldest_pending);
    EXPECT_EQ(stats.expired, 0);
    EXPECT_EQ(stats.by_status, stats_before.by_status);
    EXPECT_EQ(index(), before) << "every entry is back, at its time";
    deleted();
    EXPECT_EQ(session->count(), 6);
    deleted();
    EXPECT_EQ(session->count({.status = EventStatus::pending}), 3);
    deleted();
    EXPECT_EQ(ids_of(session->search_all()), (std::vector<EventId>{6, 5, 4, 3, 2, 1}));
    deleted();
    EXPECT_EQ(ids_of(session->search_all({.status = EventStatus::processed})), std::vector<EventId>{1});
    EXPECT_EQ(index(), before);
}

TEST_F(RedisIndex, NewEventsHideNothingThatIsMissing) {
    const auto session = open();
    publish(*session, 3);
    redis({"DEL", keys().index});
    publish(*session, 2);
    EXPECT_EQ(session->stats().groups.at("default").lag, 5);
    EXPECT_EQ(session->stats().expired, 0);
    redis({"DEL", keys().index});
    session->take(1);
    EXPECT_EQ(ids_of(session->search_all()), (std::vector<EventId>{5, 4, 3, 2, 1}));
}

TEST_F(RedisIndex, SingleEntriesThatWereTakenOutComeBack) {
    const auto session = open();
    publish(*session, 5);
    session->settle_all(session->take(2));
    const auto before = index();
    redis({"ZREM", keys().index, "1", "3", "5"});
    EXPECT_EQ(session->stats().groups.at("default").lag, 3);
    EXPECT_EQ(index(), before);
    redis({"ZREMRANGEBYRANK", keys().index, "0", "-1"});
    EXPECT_EQ(session->count(), 5);
}

TEST_F(RedisIndex, WhatExpiredMeanwhileIsCountedAsExpired) {
    const auto session = open();
    publish(*session, 6);
    session->settle_all(session->take(1));
    redis({"DEL", keys().index, event_key(1), event_key(2), event_key(4)});
    const QueueStats stats = session->stats();
    EXPECT_EQ(stats.groups.at("default").lag, 3);
    EXPECT_EQ(stats.expired, 2);
    EXPECT_EQ(ids_of(session->take(10).events), (std::vector<EventId>{3, 5, 6}));
    EXPECT_EQ(session->stats().expired, 2);
}

TEST_F(RedisIndex, EventsThatAreNoneComeBackBetweenTheirNeighbours) {
    const auto session = open();
    publish(*session, 6);
    const auto before = index();
    redis({"HDEL", event_key(6), "created_at"});
    redis({"SET", event_key(4), "x"});
    redis({"HSET", event_key(3), "created_at", "2999-01-01T00:00:00.000000+00:00"});
    redis({"DEL", keys().index});
    EXPECT_EQ(session->count(), 6);
    const auto after = index();
    for (std::size_t i = 0; i < after.size(); i += 2) {
        EXPECT_EQ(after[i], std::to_string(i / 2 + 1));
    }
    EXPECT_TRUE(std::equal(before.begin(), before.begin() + 10, after.begin())) << "published together";
    EXPECT_EQ(session->take(10).events.size(), 5u);
    EXPECT_EQ(session->stats().by_status.at(EventStatus::error), 1);
}

TEST_F(RedisIndex, WorkersAndPublishersPutItBackToo) {
    const auto session = open();
    publish(*session, 3);
    session->settle_all(session->take(3));
    const auto before = index();
    redis({"DEL", keys().index});
    redis({"HDEL", keys().meta, "swept"});
    session->upkeep();
    const auto is_back = [&] {
        session->run([](Store&) {});  // behind what the upkeep started
        return index() == before;
    };
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!is_back() && std::chrono::steady_clock::now() < deadline) {
    }
    EXPECT_EQ(index(), before);
}

TEST_F(RedisIndex, ManyEntriesComeBackInPartsAndMeanwhileTheyAreNotExpired) {
    constexpr std::int64_t many = 150'000;
    const auto session = open();
    publish(*session, 1);
    add_events_without_index(many);
    redis({"DEL", keys().index});
    const std::int64_t calls = calls_of("evalsha");
    const QueueStats at_first = session->stats();
    EXPECT_EQ(at_first.groups.at("default").lag, many + 1) << "not known to be gone";
    EXPECT_EQ(at_first.expired, 0);
    const std::int64_t put_back = redis({"ZCARD", keys().index}).integer;
    EXPECT_GE(put_back, 100'000);
    EXPECT_GE(calls_of("evalsha") - calls, put_back / 1000) << "a thousand a call";
    EXPECT_EQ(ids_of(session->search({{}, {}, 2}).events), (std::vector<EventId>{many + 1, many}));

    redis({"DEL", keys().index});  // once more, before all of them were back
    for (int i = 0; i < 10 && session->count() < many + 1; ++i) {
    }
    EXPECT_EQ(session->count(), many + 1);
    EXPECT_EQ(field_of_meta("indexed"), many + 1);
    EXPECT_EQ(redis({"HEXISTS", keys().meta, "reindex"}).integer, 0);
    EXPECT_EQ(session->stats().groups.at("default").lag, many + 1);
    EXPECT_EQ(session->stats().expired, 0);
}

TEST_F(RedisIndex, WhatTheCleanUpSawGoneIsNotLookedForAgain) {
    const auto session = open();
    publish(*session, 1);
    redis({"DEL", event_key(1)});
    redis({"SET", keys().counter, "900001"});
    redis({"HSET", keys().meta, "top", "900001"});  // as many as were published once
    session->take(1);
    redis({"HDEL", keys().meta, "swept"});
    const auto floor_is = [&](std::int64_t floor) {
        const auto deadline = std::chrono::steady_clock::now() + patience;
        while (field_of_meta("floor") != floor && std::chrono::steady_clock::now() < deadline) {
            redis({"HDEL", keys().meta, "swept"});
            session->upkeep();
        }
        return field_of_meta("floor") == floor;
    };
    EXPECT_TRUE(floor_is(900'001));
    publish(*session, 3);
    redis({"DEL", keys().index});
    redis({"CONFIG", "RESETSTAT"});
    EXPECT_EQ(session->count(), 3);
    EXPECT_EQ(calls_of("exists"), 1);
    EXPECT_TRUE(floor_is(900'001)) << "where the three begin";
}

TEST_F(RedisIndex, NobodyLooksTwiceWhereNothingIsMissing) {
    const auto session = open();
    publish(*session, 3);
    session->publish({"short"}, 1ms);
    const TakeReply taken = session->take(2);
    redis({"DEL", event_key(1), event_key(3)});
    session->settle_all(taken);
    session->take(10);
    redis({"ZADD", keys().index, "1", "77", "2", "somebody's"});
    for (int i = 0; i < 3; ++i) {
        redis({"HDEL", keys().meta, "swept"});
        session->upkeep();
        session->count();
    }
    redis({"CONFIG", "RESETSTAT"});
    session->stats();
    session->count();
    session->search_all();
    EXPECT_EQ(calls_of("evalsha"), 3) << "one script each";
}

TEST_F(RedisIndex, NonsenseInMetaHidesNothing) {
    const auto session = open();
    publish(*session, 3);
    for (const std::string nonsense : {"-1", "many", "2.5", "4503599627370495", ""}) {
        for (const std::string place : {"4503599627370495 4503599627370495", "2 1", "x", ""}) {
            redis({"DEL", keys().index});
            redis({"HSET", keys().meta, "indexed", nonsense, "reindex", place});
            if (nonsense.empty()) {
                redis({"HDEL", keys().meta, "indexed", place.empty() ? "reindex" : "none"});
            }
            EXPECT_EQ(session->count(), 3) << nonsense << ", " << place;
            EXPECT_EQ(redis({"HGET", keys().meta, "indexed"}).text, "3");
            EXPECT_EQ(redis({"HEXISTS", keys().meta, "reindex"}).integer, 0);
        }
    }
    redis({"DEL", keys().index});
    redis({"HSET", keys().meta, "indexed", "0", "reindex", "4503599627370495 4503599627370495"});
    EXPECT_EQ(session->count(), 3) << "nobody looks through as many ids as that";
}

TEST_F(RedisIndex, AFullRedisPutsItBackToo) {
    const auto session = open();
    publish(*session, 50);
    session->count();
    redis({"DEL", keys().index});
    redis({"CONFIG", "SET", "maxmemory", "1mb"});
    EXPECT_EQ(session->count(), 50);
    EXPECT_EQ(session->stats().groups.at("default").lag, 50);
}

TEST_F(RedisIndex, WhoMayOnlyReadIsToldWhatIsThere) {
    const auto session = open();
    publish(*session, 3);
    redis({"ACL", "SETUSER", "reader", "on", ">secret", "~*", "&*", "+@all", "-zadd"});
    redis({"DEL", keys().index});
    redis::ClientOptions options;
    options.username = "reader";
    options.password = "secret";
    const auto reader = open(options);
    EXPECT_EQ(reader->stats().groups.at("default").lag, 3) << "not known to be gone";
    EXPECT_EQ(reader->stats().expired, 0);
    EXPECT_EQ(reader->count(), 0);
    EXPECT_EQ(session->count(), 3);
    EXPECT_EQ(reader->count(), 3);
}

}  // namespace
}  // namespace eventy::test
