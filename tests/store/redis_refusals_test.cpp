// What Redis refuses, a script does not leave half done (histories A8, A9).
#include <functional>

#include "store/redis_fixture.hpp"

namespace eventy::test {
namespace {

class RedisRefusals : public RedisStoreTest {
protected:
    using RedisStoreTest::RedisStoreTest;
    using ByHand = std::vector<detail::ByHand>;

    template <class R>
    static detail::Failure failure_of(const detail::Result<R>& result) {
        return result.ok() ? detail::Failure{} : result.failure();
    }
    detail::Failure failing_publish(Session& session) {
        return failure_of(session.call<PublishReply>([](Store& store, Callback<PublishReply> done) {
            store.publish({{{"x"}}, long_ttl, "w"}, std::nullopt, std::move(done));
        }));
    }
    detail::Failure failing_take(Session& session) {
        return failure_of(session.call<TakeReply>(
            [](Store& store, Callback<TakeReply> done) { store.take(take_of(1, 0), std::move(done)); }));
    }
    detail::Failure failing_settle(Session& session, const Lease& lease) {
        return failure_of(session.call<StillHeld>([&lease](Store& store, Callback<StillHeld> done) {
            SettleRequest request;
            request.group = "default";
            request.settlements.push_back({lease});
            store.settle(request, std::move(done));
        }));
    }
    detail::Failure failing_renew(Session& session, const Lease& lease) {
        return failure_of(session.call<StillHeld>([&lease](Store& store, Callback<StillHeld> done) {
            store.renew({"default", long_lease, {lease}}, std::move(done));
        }));
    }
    detail::Failure failing_retry(Session& session, const std::vector<EventId>& ids) {
        return failure_of(session.call<ByHand>([&ids](Store& store, Callback<ByHand> done) {
            store.retry({ids, long_ttl}, std::nullopt, std::move(done));
        }));
    }
    detail::Failure failing_discard(Session& session, const std::vector<EventId>& ids) {
        return failure_of(session.call<ByHand>([&ids](Store& store, Callback<ByHand> done) {
            store.discard({ids, long_ttl, "w", "unwanted"}, std::nullopt, std::move(done));
        }));
    }
    /// Without call records: those of a client that was given up may be there or not.
    std::map<std::string, std::string> data() {
        auto all = contents();
        std::erase_if(all, [](const auto& entry) { return entry.first.find(":calls:") != std::string::npos; });
        return all;
    }
    /// A process whose user may do everything but what follows.
    std::unique_ptr<Session> open_without(const std::vector<std::string>& rights) {
        std::vector<std::string> command = {"ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all"};
        command.insert(command.end(), rights.begin(), rights.end());
        redis(command);
        redis::ClientOptions options;
        options.username = "app";
        options.password = "secret";
        return open(options);
    }
};

// -- a key of a wrong type -------------------------------------------------------------------------------------------
TEST_F(RedisRefusals, AKeyOfAWrongTypeIsAClearErrorThatChangesNothing) {
    const auto session = open();
    publish(*session, 5);
    const std::int64_t epoch = session->take(3).epoch;
    const Lease lease{1, epoch};
    ASSERT_TRUE(session->settle(2, epoch, Verdict::failed, "no"));
    ASSERT_TRUE(session->retry_later(3, epoch, "not yet", 1h));
    // 1 is leased, 2 given up, 3 delayed, and 4 new: each step would write to each key that it is not to touch.
    const std::map<std::string, std::function<detail::Failure()>> steps = {
        {"publish", [&] { return failing_publish(*session); }},
        {"take", [&] { return failing_take(*session); }},
        {"settle", [&] { return failing_settle(*session, lease); }},
        {"renew", [&] { return failing_renew(*session, lease); }},
        {"retry", [&] { return failing_retry(*session, {2}); }},
        {"discard", [&] { return failing_discard(*session, {1, 3}); }},
    };
    struct Case {
        std::string key;
        std::string type;
        std::vector<std::string> steps;
    };
    const std::vector<Case> cases = {
        {keys().meta, "hash", {"publish", "take", "settle", "renew", "retry", "discard"}},
        {keys().counter, "string", {"publish", "take"}},
        {keys().index, "zset", {"publish", "take", "settle", "renew", "retry", "discard"}},
        {keys().groups, "hash", {"take", "settle", "retry", "discard"}},
        {keys().idle, "set", {"publish", "take", "settle", "retry"}},
        {group().leases, "zset", {"take", "settle", "renew", "discard"}},
        {group().held, "hash", {"take", "settle", "renew", "retry", "discard"}},
        {group().delayed, "zset", {"take", "settle", "retry", "discard"}},
        {group().open, "zset", {"take", "settle", "retry", "discard"}},
        {group().dead, "zset", {"take", "settle", "retry", "discard"}},
        {group().wake, "list", {"take", "settle", "retry"}},
    };
    for (const Case& one : cases) {
        SCOPED_TRACE(one.key);
        const bool was_there = redis({"EXISTS", one.key}).integer == 1;
        if (was_there) {
            redis({"RENAME", one.key, "saved"});
        }
        redis(one.type == "string" ? std::vector<std::string>{"SADD", one.key, "mine"}
                                   : std::vector<std::string>{"SET", one.key, "mine"});
        const std::string found = one.type == "string" ? "set" : "string";
        const auto before = data();
        for (const std::string& step : one.steps) {
            SCOPED_TRACE(step);
            const detail::Failure failure = steps.at(step)();
            EXPECT_EQ(failure.code, errc::server);
            EXPECT_NE(
                failure.message.find("key '" + one.key + "' holds a " + found + " where Eventy keeps a " + one.type),
                std::string::npos)
                << failure.message;
            EXPECT_EQ(failure.message.find("on key"), std::string::npos) << "names another one: " << failure.message;
            EXPECT_NE(failure.message.find("redis 127.0.0.1:"), std::string::npos) << failure.message;
            EXPECT_EQ(data(), before) << "left half a transition";
        }
        redis({"DEL", one.key});
        if (was_there) {
            redis({"RENAME", "saved", one.key});
        }
    }
    EXPECT_TRUE(session->renew(1, epoch)) << "all is as it was";
    EXPECT_EQ(session->retry({2}), ByHand{detail::ByHand::done});
    EXPECT_EQ(session->discard({1, 3}), ByHand(2, detail::ByHand::done));
    EXPECT_EQ(ids_of(session->take(10).events), (std::vector<EventId>{2, 4, 5}));
    publish(*session, 1);
}

// -- a full Redis ----------------------------------------------------------------------------------------------------
TEST_F(RedisRefusals, AFullRedisRefusesPublishersAndLetsWorkersDrainIt) {
    const auto session = open();
    publish(*session, 6);
    const TakeReply first = session->take(3);
    redis({"CONFIG", "SET", "maxmemory", "1"});
    const auto before = data();
    for (int i = 0; i < 3; ++i) {
        const detail::Failure failure = failing_publish(*session);
        EXPECT_EQ(failure.code, errc::server);
        EXPECT_NE(failure.message.find("out of memory"), std::string::npos) << failure.message;
    }
    EXPECT_EQ(data(), before) << "a refused publish changes nothing";
    EXPECT_TRUE(session->renew(1, first.epoch));
    EXPECT_TRUE(session->progress(1, first.epoch, 0.5));
    EXPECT_EQ(redis({"HGET", event_key(1), "progress"}).text, "0.5");
    EXPECT_TRUE(session->settle(1, first.epoch));
    EXPECT_TRUE(session->settle(2, first.epoch, Verdict::failed, "no"));
    EXPECT_TRUE(session->settle(3, first.epoch, Verdict::handed_back));
    TakeReply taken = session->take(10);
    EXPECT_EQ(ids_of(taken.events), (std::vector<EventId>{3, 4, 5, 6}));
    session->settle_all(taken);
    EXPECT_FALSE(session->upkeep());
    EXPECT_EQ(session->count({.status = EventStatus::processed}), 5);
    redis({"CONFIG", "SET", "maxmemory", "0"});
    EXPECT_EQ(session->publish_one("x"), 7);
}

TEST_F(RedisRefusals, AFullRedisLetsEventsBeRetriedAndDiscardedByHand) {
    const auto session = open();
    publish(*session, 2);
    const TakeReply taken = session->take(2);
    session->settle(1, taken.epoch, Verdict::failed, "no");
    redis({"CONFIG", "SET", "maxmemory", "1"});
    EXPECT_EQ(session->retry({1}), ByHand{detail::ByHand::done});
    EXPECT_EQ(session->discard({2}), ByHand{detail::ByHand::done});
    EXPECT_EQ(ids_of(session->take(10).events), (std::vector<EventId>{1}));
}

TEST_F(RedisRefusals, AFullRedisStillSaysThatAWordWasPublished) {
    const auto session = open();
    PublishRequest request{{{"x"}, {"y"}}, long_ttl, "w"};
    request.once = {{.first = 0, .count = 2, .word = "order 7", .window = long_ttl}};
    const PublishReply first = session->publish(request);
    redis({"CONFIG", "SET", "maxmemory", "1"});
    const PublishReply again = session->publish(request);
    ASSERT_EQ(again.repeated.size(), 1u);
    EXPECT_EQ(again.repeated[0].first_id, first.first_id);
    EXPECT_EQ(again.repeated[0].count, 2);
}

TEST_F(RedisRefusals, WorkIsSettledInTheMiddleOfRefusedPublishes) {
    const auto session = open();
    publish(*session, 40);
    const TakeReply taken = session->take(40);
    redis({"CONFIG", "SET", "maxmemory", "1"});
    Counter settled, refused;
    session->run([&](Store& store) {
        for (const StoredEvent& event : taken.events) {
            store.publish({{{"x"}}, long_ttl, "w"}, std::nullopt,
                          [&refused](const Result<PublishReply>& result) { refused.add(result.ok() ? 0 : 1); });
            SettleRequest request;
            request.group = "default";
            request.settlements.push_back({{event.id, taken.epoch}});
            store.settle(request, [&settled](const Result<StillHeld>& result) {
                settled.add(result.ok() && result.value() == StillHeld{true} ? 1 : 0);
            });
        }
    });
    EXPECT_TRUE(settled.wait_for(40)) << settled.value();
    EXPECT_TRUE(refused.wait_for(40)) << refused.value();
    redis({"CONFIG", "SET", "maxmemory", "0"});
    EXPECT_EQ(session->publish_one("x"), 41);
    EXPECT_EQ(session->count({.status = EventStatus::processed}), 40);
}

// -- rights ----------------------------------------------------------------------------------------------------------
TEST_F(RedisRefusals, AUserWithoutTheChannelPublishesOnce) {
    const auto session = open_without({"resetchannels"});
    EXPECT_EQ(session->publish({"a", "b"}), (std::vector<EventId>{1, 2}));
    const TakeReply taken = session->take(10);
    session->settle_all(taken);
    EXPECT_EQ(redis({"GET", keys().counter}).text, "2");
}

TEST_F(RedisRefusals, AUserWithoutTheChannelTakesPastARefusedEventAndDiscards) {
    const auto session = open_without({"resetchannels"});
    publish(*session, 3);
    redis({"HDEL", event_key(1), "payload"});
    const TakeReply taken = session->take(2);
    ASSERT_EQ(taken.refused.size(), 1u);
    EXPECT_EQ(taken.refused[0].id, 1);
    EXPECT_EQ(ids_of(taken.events), (std::vector<EventId>{2, 3}));
    EXPECT_EQ(session->discard({2, 3}), ByHand(2, detail::ByHand::done));
    EXPECT_EQ(redis({"ZCARD", group().dead}).integer, 3);
}

TEST_F(RedisRefusals, AMissingRightIsAnErrorThatPublishesNothing) {
    const auto session = open_without({"-zadd"});
    const detail::Failure failure = failing_publish(*session);
    EXPECT_EQ(failure.code, errc::server);
    EXPECT_EQ(failure.message.find("secret"), std::string::npos);
    EXPECT_TRUE(redis({"GET", keys().counter}).is_nil());
    EXPECT_GT(redis({"PTTL", event_key(1)}).integer, 0) << "a hash without a TTL is left behind";
}

}  // namespace
}  // namespace eventy::test
