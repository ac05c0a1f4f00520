// What stands in Redis: the seed's layout, for programs that know nothing else, and no more keys than there have to be.
#include <hiredis/hiredis.h>

#include <algorithm>
#include <regex>
#include <set>

#include "store/redis_fixture.hpp"

namespace eventy::test {
namespace {

using Fields = std::map<std::string, std::string>;

class RedisLayout : public RedisStoreTest {
protected:
    Fields hash(const std::string& key) {
        const RedisValue flat = redis({"HGETALL", key});
        Fields fields;
        for (std::size_t i = 0; i + 1 < flat.items.size(); i += 2) {
            fields[flat.items[i].text] = flat.items[i + 1].text;
        }
        return fields;
    }

    static std::set<std::string> names(const Fields& fields) {
        std::set<std::string> all;
        for (const auto& [name, value] : fields) {
            all.insert(name);
        }
        return all;
    }
};

TEST_F(RedisLayout, AnEventIsReadByPlainCommands) {
    const auto session = open();
    session->publish({R"({"order_id": "ORD-1"})", "second"});
    const Fields event = hash("shop:events:Order:1");
    EXPECT_EQ(names(event), (std::set<std::string>{"id", "payload", "status", "created_at", "worker_id"}));
    EXPECT_EQ(event.at("id"), "1");
    EXPECT_EQ(event.at("payload"), R"({"order_id": "ORD-1"})");
    EXPECT_EQ(event.at("status"), "PENDING");
    EXPECT_EQ(event.at("worker_id"), session->worker_id());
    EXPECT_TRUE(std::regex_match(event.at("created_at"), std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00)")))
        << event.at("created_at");

    EXPECT_EQ(redis({"GET", "shop:counter:Order"}).text, "2");
    EXPECT_EQ(redis({"ZREVRANGEBYSCORE", "shop:index:Order", "+inf", "-inf"}).texts(),
              (std::vector<std::string>{"2", "1"}));
    const std::string score = redis({"ZSCORE", "shop:index:Order", "1"}).text;
    const auto created = parse_timestamp(event.at("created_at"));
    ASSERT_TRUE(created);
    EXPECT_NEAR(std::stod(score), static_cast<double>((*created - Timestamp()).count()) / 1e6, 1e-6);
    EXPECT_EQ(redis({"ZCOUNT", "shop:index:Order", score, "+inf"}).integer, 2);
    const std::int64_t left = redis({"PTTL", "shop:events:Order:1"}).integer;
    EXPECT_GT(left, 3'500'000);
    EXPECT_LE(left, 3'600'100);
}

TEST_F(RedisLayout, TheServersClockIsWrittenAsTheCalendarHasIt) {
    const auto session = open();
    const PublishReply reply = session->publish(PublishRequest{{{"x"}}, long_ttl, "w"});
    const auto created = parse_timestamp(hash(event_key(1)).at("created_at"));
    ASSERT_TRUE(created);
    EXPECT_EQ((*created - Timestamp()).count(), reply.first_us);
    EXPECT_NEAR(static_cast<double>(reply.first_us) / 1000, static_cast<double>(now_ms()), 60'000);
}

TEST_F(RedisLayout, FurtherFieldsOnlyWhenThereIsSomethingToSay) {
    const auto session = open();
    PublishRequest request{{{"a", "customer 7", R"({"trace": "x"})"}, {"b"}}, long_ttl, "w"};
    session->publish(request);
    EXPECT_EQ(hash(event_key(1)).at("key"), "customer 7");
    EXPECT_EQ(hash(event_key(1)).at("headers"), R"({"trace": "x"})");
    EXPECT_EQ(hash(event_key(2)).size(), 5u);

    const TakeReply taken = session->take(2);
    EXPECT_EQ(hash(event_key(2)).size(), 5u) << "a take writes nothing into the event";
    EXPECT_EQ(hash(event_key(2)).at("status"), "PENDING");
    session->progress(1, taken.epoch, 0.25, "a quarter");
    EXPECT_EQ(hash(event_key(1)).at("progress"), "0.25 a quarter");
    session->settle(1, taken.epoch);
    session->settle(2, taken.epoch, Verdict::failed, "no such order");
    const Fields processed = hash(event_key(1)), failed = hash(event_key(2));
    EXPECT_EQ(processed.at("status"), "PROCESSED");
    EXPECT_TRUE(std::regex_match(processed.at("handled"),
                                 std::regex(R"(\d{16} \d{16} default )" + session->worker_id() + " 1")))
        << processed.at("handled");
    EXPECT_EQ(failed.at("status"), "ERROR");
    EXPECT_EQ(failed.at("error"), "no such order");
    EXPECT_EQ(names(failed), (std::set<std::string>{"id", "payload", "status", "created_at", "worker_id", "error",
                                                    "handled", "failures"}));
    EXPECT_TRUE(std::regex_match(failed.at("failures"), std::regex(R"(\[\{.*\}\])"))) << failed.at("failures");
    EXPECT_NE(failed.at("failures").find("\"error\":\"no such order\""), std::string::npos) << failed.at("failures");
}

TEST_F(RedisLayout, TheChannelTellsOfPublishAndOfTheFinalStatus) {
    const std::unique_ptr<redisContext, void (*)(redisContext*)> context(redisConnect("127.0.0.1", server().port()),
                                                                         &redisFree);
    ASSERT_EQ(context->err, 0);
    redisSetTimeout(context.get(), timeval{30, 0});
    const auto next = [&context] {
        void* reply = nullptr;
        if (redisGetReply(context.get(), &reply) != REDIS_OK) {
            return std::string("nothing came");
        }
        const auto* const message = static_cast<redisReply*>(reply);
        std::string text(message->element[2]->str == nullptr ? "" : message->element[2]->str);
        freeReplyObject(reply);
        return text;
    };
    redisAppendCommand(context.get(), "SUBSCRIBE shop:channel:Order");
    next();
    const auto session = open();
    session->publish({"a", "b"});
    EXPECT_EQ(next(), R"({"event_id": 1, "status": "PENDING", "worker_id": "worker-1"})");
    EXPECT_EQ(next(), R"({"event_id": 2, "status": "PENDING", "worker_id": "worker-1"})");
    const TakeReply taken = session->take(2);
    session->settle(1, taken.epoch);
    session->settle(2, taken.epoch, Verdict::failed, "no");
    EXPECT_EQ(next(), R"({"event_id": 1, "status": "PROCESSED", "worker_id": "worker-1"})");
    EXPECT_EQ(next(), R"({"event_id": 2, "status": "ERROR", "worker_id": "worker-1"})");
}

TEST_F(RedisLayout, WhatIsLeftAfterWorkHasATtlOrAnOwner) {
    const auto session = open();
    session->add_type();
    publish(*session, 20);
    UpkeepRequest upkeep{"default", {{"s1", "Order", "default", "w", "host", 7, {}}}, 10s};
    session->upkeep(upkeep);
    TakeReply taken = session->take(10);
    session->settle_all(taken, Verdict::handed_back);
    taken = session->take(10);
    session->renew(taken.events[0].id, taken.epoch);
    session->settle_all(taken);
    for (taken = session->take(10); !taken.events.empty(); taken = session->take(10)) {
        session->settle_all(taken);
    }
    session->remove_subscribers({"s1"});
    session->upkeep();

    std::set<std::string> without_ttl;
    for (const std::string& key : server().keys()) {
        if (redis({"PTTL", key}).integer == -1) {
            without_ttl.insert(key);
        } else {
            EXPECT_TRUE(key.starts_with("shop:events:Order:") || key.starts_with("shop:calls:Order:")) << key;
        }
    }
    EXPECT_EQ(without_ttl, (std::set<std::string>{"shop:counter:Order", "shop:groups:Order", "shop:idle:Order",
                                                  "shop:index:Order", "shop:meta:Order", "shop:queue_types"}));
}

TEST_F(RedisLayout, ASubscriberIsAHashWithATtl) {
    const auto session = open();
    session->upkeep({"default", {{"u-1", "Order", "default", "w-9", "box", 4711, {}}}, 10s});
    const Fields subscriber = hash("shop:subscribers:Order:u-1");
    EXPECT_EQ(subscriber.at("id"), "u-1");
    EXPECT_EQ(subscriber.at("event_type"), "Order");
    EXPECT_EQ(subscriber.at("group"), "default");
    EXPECT_EQ(subscriber.at("worker_id"), "w-9");
    EXPECT_EQ(subscriber.at("host"), "box");
    EXPECT_EQ(subscriber.at("pid"), "4711");
    EXPECT_TRUE(parse_timestamp(subscriber.at("created_at")));
    const std::int64_t left = redis({"PTTL", "shop:subscribers:Order:u-1"}).integer;
    EXPECT_GT(left, 5'000);
    EXPECT_LE(left, 10'000);
    EXPECT_EQ(redis({"ZCARD", keys().workers}).integer, 1);
}

TEST_F(RedisLayout, AWorkerThatIsGoneLeavesTheListOfWorkers) {
    const auto session = open();
    session->upkeep({"default", {{"u-1", "Order", "default", "w", "box", 1, {}}}, 1ms});
    const std::int64_t later = now_ms() + 3;
    while (now_ms() < later) {
    }
    session->upkeep({"default", {{"u-2", "Order", "default", "w", "box", 1, {}}}, 10s});
    EXPECT_EQ(redis({"ZRANGE", keys().workers, "0", "-1"}).texts(), std::vector<std::string>{"u-2"});
    EXPECT_EQ(redis({"EXISTS", "shop:subscribers:Order:u-1"}).integer, 0);
}

}  // namespace
}  // namespace eventy::test
