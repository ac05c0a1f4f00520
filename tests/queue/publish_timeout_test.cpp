// What publishers meet while Redis is away.
#include <thread>

#include "queue/backends.hpp"

namespace eventy::test {
namespace {

class PublishTimeout : public ::testing::Test {
protected:
    PublishTimeout() {
        set_logger([](LogLevel, std::string_view) {});
    }
    ~PublishTimeout() override { set_logger(nullptr); }

    RedisQueueOptions<std::string> options(milliseconds command_timeout = patience) {
        redis::ClientOptions options;
        options.port = server_.port();
        options.command_timeout = command_timeout;
        return {.event_type = "Text",
                .redis_client = std::make_shared<redis::Client>(options),
                .serializer = std::make_shared<RawSerializer>(),
                .concurrency = 1,
                .lazy_connect = true};
    }
    /// What the publish throws, and its words.
    std::optional<errc> fails(const RedisEventQueue<std::string>& queue, std::string payload = "x") {
        return thrown([&] { (void)queue.publish(std::move(payload)); }, &what_);
    }
    bool says(std::string_view words) const { return what_.find(words) != std::string::npos; }

    RedisServer server_{RedisServer::Options{.arguments = {}, .append_only = true}};
    std::string what_;
};

TEST_F(PublishTimeout, IsTheCommandTimeoutUnlessSaidOtherwise) {
    server_.stop();
    EXPECT_EQ(fails(RedisEventQueue<std::string>(options(50ms))), errc::timeout);
    EXPECT_TRUE(says("within 50 ms")) << what_;
    auto shorter = options(patience);
    shorter.publish_timeout = 60ms;
    EXPECT_EQ(fails(RedisEventQueue<std::string>(shorter)), errc::timeout);
    EXPECT_TRUE(says("within 60 ms")) << what_;
}

TEST_F(PublishTimeout, SaysThatAnEventWasNeverSent) {
    server_.stop();
    const RedisEventQueue<std::string> queue(options(100ms));
    EXPECT_EQ(fails(queue), errc::timeout);
    EXPECT_TRUE(says("not published, and never sent")) << what_;
    EXPECT_TRUE(says("refused")) << what_;
    EXPECT_FALSE(says("may or may not")) << what_;
    server_.start();
    ASSERT_TRUE(eventually([&] { return !fails(queue, "the first"); }));
    EXPECT_EQ(queue.get_event(1).payload, "the first") << "what was given up was not sent later";
}

TEST_F(PublishTimeout, SaysThatAnEventWasSent) {
    const RedisEventQueue<std::string> queue(options(300ms));
    ASSERT_EQ(fails(queue), std::nullopt) << what_;
    server_.pause();
    EXPECT_EQ(fails(queue), errc::timeout);
    EXPECT_TRUE(says("may or may not have been published")) << what_;
    EXPECT_FALSE(says("never sent")) << what_;
    server_.resume();
}

TEST_F(PublishTimeout, EveryoneWhoWaitsIsTold) {
    server_.stop();
    const RedisEventQueue<std::string> queue(options(500ms));
    Seen<std::string> told;
    std::vector<std::thread> publishers;
    for (int i = 0; i < 20; ++i) {
        publishers.emplace_back([&, i] {
            std::this_thread::sleep_for(milliseconds(i * 10));  // deadlines of their own
            std::string what;
            EXPECT_EQ(thrown([&] { (void)queue.publish("x"); }, &what), errc::timeout);
            told.add(what);
        });
    }
    for (auto& publisher : publishers) {
        publisher.join();
    }
    for (const auto& what : told.now()) {
        EXPECT_NE(what.find("never sent"), std::string::npos) << what;
    }
    server_.start();
    EXPECT_TRUE(eventually([&] { return !fails(queue); }));
    EXPECT_EQ(queue.stats().last_id, 1);
}

TEST_F(PublishTimeout, LongerThanTheCommandsOutlastsAnOutage) {
    auto its_options = options(50ms);
    its_options.publish_timeout = patience;
    const RedisEventQueue<std::string> queue(its_options);
    ASSERT_TRUE(eventually([&] { return !thrown([&] { (void)queue.count_events(); }); }));
    server_.kill9();
    std::thread publisher([&] { EXPECT_EQ(fails(queue), std::nullopt) << what_; });
    EXPECT_EQ(thrown([&] { (void)queue.count_events(); }), errc::timeout);
    server_.start();
    publisher.join();
    EXPECT_TRUE(eventually([&] { return queue.get_event(1).payload == "x"; }));
    const auto record = server_.must({"KEYS", "eventy:calls:Text:*"}).texts();
    ASSERT_EQ(record.size(), 1U);
    EXPECT_GT(server_.must({"PTTL", record[0]}).integer, 2 * std::chrono::milliseconds(patience).count());
}

TEST_F(PublishTimeout, OfZeroDoesNotWaitForAConnection) {
    server_.stop();
    auto its_options = options(patience);
    its_options.publish_timeout = 0ms;
    const RedisEventQueue<std::string> queue(its_options);
    // Had it waited, these would take minutes.
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(fails(queue), errc::connection);
    }
    EXPECT_TRUE(says("never sent")) << what_;
    EXPECT_TRUE(says("publish_timeout is 0")) << what_;
    server_.start();
    ASSERT_TRUE(eventually([&] { return !fails(queue); }));
    Signal lost;
    set_logger([&](LogLevel, std::string_view line) {
        if (line.find("lost the connection for commands") != std::string_view::npos) {
            lost.set();
        }
    });
    server_.kill9();
    EXPECT_TRUE(lost.wait());
    EXPECT_EQ(fails(queue), errc::connection);
    EXPECT_TRUE(says("never sent")) << what_;
    set_logger([](LogLevel, std::string_view) {});
}

TEST_F(PublishTimeout, OfZeroWaitsForTheOutcomeOfWhatWasSent) {
    auto its_options = options(patience);
    its_options.publish_timeout = 0ms;
    const RedisEventQueue<std::string> queue(its_options);
    ASSERT_TRUE(eventually([&] { return !fails(queue); }));
    Signal lost;
    set_logger([&](LogLevel, std::string_view line) {
        if (line.find("lost the connection for commands") != std::string_view::npos) {
            lost.set();
        }
    });
    server_.pause();
    std::thread publisher([&] { EXPECT_EQ(queue.publish("sent").id, 2); });
    EXPECT_TRUE(lost.wait());  // because the publish has no answer: it had been sent
    std::string what;
    EXPECT_EQ(thrown([&] { (void)queue.publish("x"); }, &what), errc::connection) << what;
    server_.resume();
    publisher.join();
    EXPECT_EQ(queue.get_event(2).payload, "sent");
    set_logger([](LogLevel, std::string_view) {});
}

TEST_F(PublishTimeout, WhatWaitsHasABound) {
    auto its_options = options(patience);
    its_options.publish_buffer_bytes = 1000;
    server_.stop();
    const RedisEventQueue<std::string> queue(its_options);
    // Publishers wait until the buffer is full: two of 400 bytes fit, whichever they are.
    Seen<EventId> published;
    std::atomic<int> refused{0};
    std::vector<std::thread> publishers;
    for (int i = 0; i < 5; ++i) {
        publishers.emplace_back([&] {
            std::string what;
            const auto code = thrown([&] { published.add(queue.publish(std::string(400, 'x')).id); }, &what);
            if (code) {
                EXPECT_EQ(*code, errc::connection);
                EXPECT_NE(what.find("never sent"), std::string::npos) << what;
                EXPECT_NE(what.find("publish_buffer_bytes of 1000"), std::string::npos) << what;
                ++refused;
            }
        });
    }
    ASSERT_TRUE(eventually([&] { return refused == 3; }));
    EXPECT_EQ(fails(queue, std::string(201, 'y')), errc::connection) << "800 of 1,000 are taken";
    std::thread small([&] { published.add(queue.publish(std::string(200, 'y')).id); });
    server_.start();
    small.join();
    for (auto& publisher : publishers) {
        publisher.join();
    }
    auto ids = published.now();
    std::sort(ids.begin(), ids.end());
    EXPECT_EQ(ids, (std::vector<EventId>{1, 2, 3}));
    EXPECT_EQ(queue.publish(std::string(2000, 'z')).id, 4) << "the bound is for outages";
}

TEST_F(PublishTimeout, OneThatIsLargerThanTheBufferMayWaitAlone) {
    auto its_options = options(patience);
    its_options.publish_buffer_bytes = 10;
    server_.stop();
    const RedisEventQueue<std::string> queue(its_options);
    std::atomic<int> refused{0};
    std::atomic<int> published{0};
    const auto publish = [&] {
        const auto code = thrown([&] { published += static_cast<int>(queue.publish(std::string(1000, 'x')).id); });
        refused += code == errc::connection ? 1 : 0;
    };
    std::thread one(publish);
    std::thread other(publish);
    ASSERT_TRUE(eventually([&] { return refused == 1; }));
    server_.start();
    one.join();
    other.join();
    EXPECT_EQ(published, 1);
}

TEST_F(PublishTimeout, WhoWaitsWhenTheQueueClosesIsToldSo) {
    server_.stop();
    auto its_options = options(patience);
    its_options.lease = 50ms;
    const RedisEventQueue<std::string> queue(its_options);
    Signal told;
    std::thread publisher([&] {
        EXPECT_EQ(fails(queue), errc::closed);
        told.set();
    });
    ASSERT_TRUE(eventually([&] {
        (void)queue.close(10ms);
        return told.is_set();
    }));
    publisher.join();
    EXPECT_TRUE(says("never sent") || says("was closed")) << what_;
}

TEST_F(PublishTimeout, RangesAreChecked) {
    for (const auto timeout : {-1ms, milliseconds(std::chrono::hours(25))}) {
        auto its_options = options();
        its_options.publish_timeout = timeout;
        EXPECT_EQ(thrown([&] { const RedisEventQueue<std::string> queue(its_options); }, &what_),
                  errc::invalid_argument);
        EXPECT_TRUE(says("publish_timeout")) << what_;
        EXPECT_EQ(thrown([&] { const RedisQueueManager manager({.lazy_connect = true, .publish_timeout = timeout}); }),
                  errc::invalid_argument);
        EXPECT_EQ(
            thrown([&] { (void)open_manager(server_.url(), {.lazy_connect = true, .publish_timeout = timeout}); }),
            errc::invalid_argument);
    }
    auto its_options = options();
    its_options.publish_buffer_bytes = -1;
    EXPECT_EQ(thrown([&] { const RedisEventQueue<std::string> queue(its_options); }, &what_), errc::invalid_argument);
    EXPECT_TRUE(says("publish_buffer_bytes")) << what_;
}

TEST_F(PublishTimeout, AManagerHandsItOn) {
    server_.stop();
    const auto manager = open_manager(server_.url(), {.lazy_connect = true, .publish_timeout = 0ms});
    manager.register_type<Order>();
    EXPECT_EQ(thrown([&] { (void)manager.get_event_queue<Order>().publish({}); }, &what_), errc::connection);
    EXPECT_TRUE(says("publish_timeout is 0")) << what_;
}

}  // namespace
}  // namespace eventy::test
