// What a queue does while Redis is away, and when it is back.
#include "queue/backends.hpp"
#include "support/tcp_proxy.hpp"

namespace eventy::test {
namespace {

class Outage : public ::testing::Test {
protected:
    Outage() {
        set_logger([](LogLevel, std::string_view) {});
    }  // outages are loud, and these are wanted
    ~Outage() override { set_logger(nullptr); }

    RedisEventQueue<Order> open(milliseconds command_timeout = 30s, bool lazy = false) {
        redis::ClientOptions options;
        options.port = server_.port();
        options.command_timeout = command_timeout;
        options.connect_timeout = 5s;
        return RedisEventQueue<Order>({.redis_client = std::make_shared<redis::Client>(options),
                                       .concurrency = 2,
                                       .lease = 10s,
                                       .lazy_connect = lazy});
    }

    RedisServer server_{RedisServer::Options{.arguments = {}, .append_only = true}};
};

TEST_F(Outage, AWorkerGoesOnAfterRedisWasKilled) {
    const auto queue = open();
    Seen<EventId> seen;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) { seen.add(event.id); });
    for (int round = 0; round < 3; ++round) {
        (void)queue.publish({});
        ASSERT_EQ(seen.wait_for(static_cast<std::size_t>(round) * 2 + 1).size(),
                  static_cast<std::size_t>(round) * 2 + 1);
        server_.kill9();
        server_.start();
        (void)queue.publish({});
        ASSERT_EQ(seen.wait_for(static_cast<std::size_t>(round) * 2 + 2).size(),
                  static_cast<std::size_t>(round) * 2 + 2);
    }
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(queue.count_events({.status = EventStatus::processed}), 6);
    EXPECT_EQ(seen.now().size(), 6U) << "none twice";
}

TEST_F(Outage, OutcomesOfMeanwhileAreStoredWhenRedisIsBack) {
    const auto queue = open();
    Signal begun;
    Signal go_on;
    std::atomic<int> calls{0};
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>&) {
        ++calls;
        begun.set();
        EXPECT_TRUE(go_on.wait());
    });
    (void)queue.publish({});
    ASSERT_TRUE(begun.wait());
    server_.kill9();
    go_on.set();
    server_.start();
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(queue.get_event(1).status, EventStatus::processed);
    EXPECT_EQ(calls, 1);
}

TEST_F(Outage, APublishDuringAShortOutageWaitsForItsEnd) {
    const auto queue = open();
    server_.kill9();
    Seen<EventId> published;
    std::thread publisher([&] {
        for (int i = 0; i < 3; ++i) {
            published.add(queue.publish({}).id);
        }
    });
    server_.start();
    publisher.join();
    EXPECT_EQ(published.now(), (std::vector<EventId>{1, 2, 3}));
    EXPECT_EQ(queue.count_events(), 3);
}

TEST_F(Outage, CallsGiveUpAfterTheirTimeout) {
    const auto queue = open(300ms);
    server_.pause();
    std::string what;
    EXPECT_EQ(thrown([&] { (void)queue.publish({}); }, &what), errc::timeout);
    EXPECT_NE(what.find("127.0.0.1:" + std::to_string(server_.port())), std::string::npos) << what;
    EXPECT_EQ(thrown([&] { (void)queue.get_event(1); }, &what), errc::timeout);
    EXPECT_EQ(thrown([&] { (void)queue.count_events(); }), errc::timeout);
    EXPECT_EQ(thrown([&] { (void)queue.search_events(); }), errc::timeout);
    EXPECT_EQ(thrown([&] { (void)queue.stats(); }), errc::timeout);
    EXPECT_EQ(thrown([&] { (void)queue.watch([](const EventNotice&) {}); }), errc::timeout);
    server_.resume();
    EXPECT_TRUE(eventually([&] { return !thrown([&] { (void)queue.publish({}); }); }));
    Seen<EventId> seen;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) { seen.add(event.id); });
    EXPECT_FALSE(seen.wait_for(1).empty());
}

TEST_F(Outage, AHandlersCallsGiveUpAfterTheirTimeout) {
    const auto queue = open(300ms);
    Signal begun;
    Signal paused;
    Seen<std::optional<errc>> seen;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>&, Context& context) {
        begun.set();
        EXPECT_TRUE(paused.wait());
        seen.add(thrown([&] { context.extend(1min); }));
        seen.add(thrown([&] { context.report_progress(0.5); }));
    });
    (void)queue.publish({});
    ASSERT_TRUE(begun.wait());
    server_.pause();
    paused.set();
    EXPECT_EQ(seen.wait_for(2), (std::vector<std::optional<errc>>{errc::timeout, errc::timeout}));
    server_.resume();
    ASSERT_TRUE(eventually([&] { return !thrown([&] { (void)queue.count_events(); }); }));
    EXPECT_TRUE(eventually([&] { return queue.count_events({.status = EventStatus::processed}) == 1; }));
}

TEST_F(Outage, EndsDoNotWaitForRedis) {
    std::optional<RedisEventQueue<Order>> queue(open());
    auto subscription = queue->subscribe([](const QueueEvent<Order>&) {});
    (void)queue->publish({});
    ASSERT_TRUE(queue->wait_idle(patience));
    server_.pause();
    const auto start = std::chrono::steady_clock::now();
    subscription.unsubscribe();
    auto other = queue->subscribe([](const QueueEvent<Order>&) {});
    EXPECT_TRUE(queue->close(100ms)) << "no handler runs";
    queue.reset();
    // Redis is away for ever: had anything waited for it, this line would not be reached. The bound is a hang guard.
    EXPECT_LT(std::chrono::steady_clock::now() - start, patience);
}

TEST_F(Outage, TheLastHandleEndsWithoutRedisToo) {
    server_.pause();
    {
        const auto queue = open(30s, true);
        queue.subscribe([](const QueueEvent<Order>&) {}).detach();
    }
    server_.resume();
}

TEST_F(Outage, AProgramMayStartBeforeRedis) {
    server_.stop();
    const auto queue = open(30s, true);
    Seen<EventId> seen;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) { seen.add(event.id); });
    server_.start();
    (void)queue.publish({});
    EXPECT_EQ(seen.wait_for(1).size(), 1U);
    EXPECT_EQ(queue.get_subscriber(subscription.id()).group, "default");
}

TEST_F(Outage, OpeningWithoutAServerSaysWhatWasTried) {
    const int port = server_.port();
    server_.stop();
    redis::ClientOptions options;
    options.port = port;
    options.connect_timeout = 200ms;
    const auto client = std::make_shared<redis::Client>(options);
    std::string what;
    EXPECT_EQ(thrown([&] { const RedisEventQueue<Order> queue({.redis_client = client}); }, &what), errc::connection);
    EXPECT_NE(what.find("127.0.0.1:" + std::to_string(port)), std::string::npos) << what;
    EXPECT_NE(what.find("refused"), std::string::npos) << what;
}

TEST_F(Outage, WhatWaitingWillNotMendIsSaidAtOnce) {
    server_.must({"CONFIG", "SET", "requirepass", "the-right-one"});
    redis::ClientOptions options;
    options.port = server_.port();
    options.password = "a-wrong-one";
    options.connect_timeout = 60s;
    std::string what;
    const auto open_with = [&](const redis::ClientOptions& with) {
        return thrown(
            [&] { const RedisEventQueue<Order> queue({.redis_client = std::make_shared<redis::Client>(with)}); },
            &what);
    };
    EXPECT_EQ(open_with(options), errc::connection);
    EXPECT_EQ(what.find("a-wrong-one"), std::string::npos) << what;
    EXPECT_NE(what.find("password"), std::string::npos) << what;
    options.password = "the-right-one";
    options.db = 99;
    EXPECT_EQ(open_with(options), errc::connection);
    EXPECT_NE(what.find("99"), std::string::npos) << what;
    options.db = 3;
    EXPECT_EQ(open_with(options), std::nullopt) << what;
}

TEST_F(Outage, AFullRedisRefusesPublishesAndLetsWorkersDrainIt) {
    const auto queue = open();
    (void)queue.publish_all(std::vector<Order>(50));
    server_.must({"CONFIG", "SET", "maxmemory", "1"});
    std::string what;
    EXPECT_EQ(thrown([&] { (void)queue.publish({}); }, &what), errc::server);
    EXPECT_NE(what.find("memory"), std::string::npos) << what;
    Seen<EventId> seen;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) { seen.add(event.id); });
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(seen.now().size(), 50U);
    EXPECT_EQ(queue.count_events({.status = EventStatus::processed}), 50);
    server_.must({"CONFIG", "SET", "maxmemory", "0"});
    EXPECT_EQ(queue.publish({}).id, 51);
}

TEST_F(Outage, KeysOfAWrongTypeAreNamed) {
    server_.must({"SET", "eventy:index:Order", "not a zset"});
    const auto queue = open();
    std::string what;
    EXPECT_EQ(thrown([&] { (void)queue.publish({}); }, &what), errc::server);
    EXPECT_NE(what.find("eventy:index:Order"), std::string::npos) << what;
    EXPECT_EQ(server_.command({"EXISTS", "eventy:counter:Order", "eventy:events:Order:1"}).integer, 0)
        << "nothing was written";
    server_.must({"DEL", "eventy:index:Order"});
    EXPECT_EQ(queue.publish({}).id, 1);
}

TEST_F(Outage, AWatcherIsToldOfTheGapInItsPlace) {
    const auto queue = open();
    Seen<EventId> seen;  // 0: a gap
    std::atomic<int> threads{0};
    std::thread::id watcher;
    const auto note = [&](EventId id) {
        threads += std::exchange(watcher, std::this_thread::get_id()) == std::this_thread::get_id() ? 0 : 1;
        seen.add(id);
    };
    const auto watch = queue.watch([&](const EventNotice& notice) { note(notice.event_id); }, [&] { note(0); });
    for (const bool by_kill : {false, true}) {
        (void)queue.publish({});
        const auto before = seen.wait_for(by_kill ? 4 : 1).size();
        if (by_kill) {
            server_.kill9();
            server_.start();
        } else {
            server_.must({"CLIENT", "KILL", "TYPE", "pubsub"});
        }
        ASSERT_EQ(seen.wait_for(before + 1).back(), 0);
        (void)queue.publish({});
        EXPECT_GT(seen.wait_for(before + 2).back(), 0);
    }
    EXPECT_EQ(seen.now(), (std::vector<EventId>{1, 0, 2, 3, 0, 4}));
    EXPECT_EQ(threads, 1) << "all on one thread";
}

/// A replica keeps its connections, answers PING, takes subscriptions, and never says anything.
TEST_F(Outage, AWatcherFollowsAFailoverThatLeavesItsConnectionsAlone) {
    RedisServer promoted;
    TcpProxy address(server_.port());
    redis::ClientOptions options;
    options.port = address.port();
    const RedisEventQueue<Order> watcher({.redis_client = std::make_shared<redis::Client>(options)});
    Seen<EventId> seen;  // 0: a gap
    const auto watch =
        watcher.watch([&](const EventNotice& notice) { seen.add(notice.event_id); }, [&] { seen.add(0); });
    (void)open().publish({});
    ASSERT_EQ(seen.wait_for(1), std::vector<EventId>{1});

    // As in the moment in which both serve: the watcher must not settle down with the old one again.
    server_.must({"REPLICAOF", "127.0.0.1", "1"});
    ASSERT_TRUE(eventually([&] { return address.connections() > 4; })) << "it looks for the new master";
    EXPECT_EQ(seen.now().size(), 1U);
    address.redirect(promoted.port());
    ASSERT_EQ(seen.wait_for(2).back(), 0) << "the gap";
    redis::ClientOptions direct;
    direct.port = promoted.port();
    const RedisEventQueue<Order> other({.redis_client = std::make_shared<redis::Client>(direct)});
    (void)other.publish({});
    EXPECT_EQ(seen.wait_for(3), (std::vector<EventId>{1, 0, 1}));
}

TEST_F(Outage, FlushedDataIsNoticedAndWorkGoesOn) {
    const auto queue = open();
    Seen<EventId> seen;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) { seen.add(event.id); });
    (void)queue.publish_all(std::vector<Order>(5));
    ASSERT_EQ(seen.wait_for(5).size(), 5U);
    server_.must({"FLUSHALL"});
    const auto again = queue.publish({});
    EXPECT_EQ(seen.wait_for(6).back(), again.id);
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(queue.get_event(again.id).status, EventStatus::processed);
}

TEST_F(Outage, ScriptsThatRedisForgotAreSentAgain) {
    const auto queue = open();
    Seen<EventId> seen;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) { seen.add(event.id); });
    for (int i = 0; i < 20; ++i) {
        server_.must({"SCRIPT", "FLUSH"});
        (void)queue.publish({});
    }
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(seen.now().size(), 20U);
    EXPECT_EQ(queue.stats().last_id, 20);
}

TEST_F(Outage, KilledConnectionsLoseNothing) {
    const auto queue = open();
    Seen<EventId> seen;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) { seen.add(event.id); });
    for (int i = 0; i < 100; ++i) {
        if (i % 5 == 0) {
            server_.must({"CLIENT", "KILL", "TYPE", "normal"});
        }
        EXPECT_EQ(queue.publish({}).id, i + 1);
    }
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(seen.now().size(), 100U);
    EXPECT_EQ(queue.count_events({.status = EventStatus::processed}), 100);
}

}  // namespace
}  // namespace eventy::test
