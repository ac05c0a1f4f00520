// Histories of docs/histories.md that need whole queues: several, each with a client of its own, on one Redis.
#include <filesystem>
#include <set>

#include "queue/backends.hpp"

namespace eventy::test {
namespace {

class QueueHistory : public ::testing::Test {
protected:
    QueueHistory() {
        set_logger([](LogLevel, std::string_view) {});
    }
    ~QueueHistory() override { set_logger(nullptr); }

    RedisEventQueue<Order> open(int concurrency = 1, milliseconds lease = 10s) {
        redis::ClientOptions options;
        options.port = server_.port();
        return RedisEventQueue<Order>(
            {.redis_client = std::make_shared<redis::Client>(options), .concurrency = concurrency, .lease = lease});
    }

    RedisServer server_{RedisServer::Options{.arguments = {}, .append_only = true}};
};

// A failover to a server that is behind, here one that starts with an older copy of its data: ids are given again.
TEST_F(QueueHistory, A2ARunningHandlersIdIsGivenToAnotherEventAfterAFailover) {
    const auto slow = open(), quick = open();
    (void)slow.publish({"first"});
    Seen<std::string> handled;
    Signal begun, stopped, done;
    const auto a = slow.subscribe([&](const QueueEvent<Order>& event, Context& context) {
        if (event.payload.order_id == "lost") {
            begun.set();
            const std::stop_callback tell(context.stop_token(), [&] { stopped.set(); });
            EXPECT_TRUE(stopped.wait()) << "the handler is told";
            done.set();
            EXPECT_EQ(thrown([&] { context.extend(1s); }), errc::lease_lost);
            throw std::runtime_error("of an event that is no more");
        }
        handled.add(event.payload.order_id);
    });
    ASSERT_EQ(handled.wait_for(1).size(), 1U);
    ASSERT_TRUE(slow.wait_idle(patience));

    const std::string data = server_.folder() + "/appendonlydir", copy = server_.folder() + "/copy";
    server_.stop();
    std::filesystem::copy(data, copy, std::filesystem::copy_options::recursive);
    server_.start();
    EXPECT_EQ(slow.publish({"lost"}).id, 2);
    ASSERT_TRUE(begun.wait());
    server_.kill9();
    std::filesystem::remove_all(data);
    std::filesystem::copy(copy, data, std::filesystem::copy_options::recursive);
    server_.start();

    EXPECT_EQ(quick.publish({"another"}).id, 2);
    const auto b = quick.subscribe([&](const QueueEvent<Order>& event) {
        EXPECT_TRUE(done.wait()) << "not settled before the other one's outcome came";
        handled.add(event.payload.order_id);
    });
    EXPECT_EQ(handled.wait_for(2).back(), "another");
    ASSERT_TRUE(quick.wait_idle(patience));
    EXPECT_EQ(quick.get_event(2).status, EventStatus::processed);
    EXPECT_TRUE(quick.get_event(2).last_error.empty());

    (void)slow.publish_all(std::vector<Order>(20, Order{"later"}));
    ASSERT_EQ(handled.wait_for(22).size(), 22U) << "nobody is deaf";
    ASSERT_TRUE(slow.wait_idle(patience));
    EXPECT_EQ(handled.now().size(), 22U) << "and nothing is handled twice";
    EXPECT_EQ(slow.count_events({.status = EventStatus::processed}), 22);
}

// Twenty idle workers, and bursts of as many events: takes that find nothing are work for nothing. About one in seven
// does here, where a worker that left something and one that was woken for it look for the last one; with a marker for
// each publish it would be nine of ten.
TEST_F(QueueHistory, B1ABurstIsNoStampedeOfIdleWorkers) {
    constexpr int workers = 20, bursts = 10, burst = 20;
    std::mutex mutex;
    std::set<std::int64_t> epochs;  // one for each take that found something
    Seen<EventId> handled;
    std::vector<RedisEventQueue<Order>> queues;
    std::vector<Subscription> subscriptions;
    for (int i = 0; i < workers; ++i) {
        queues.push_back(open());
        subscriptions.push_back(queues.back().subscribe([&](const QueueEvent<Order>& event, Context& context) {
            {
                const std::lock_guard lock(mutex);
                epochs.insert(context.epoch());
            }
            handled.add(event.id);
        }));
    }
    const auto takes = [&] {
        std::int64_t count = 0;
        for (const RedisValue& entry : server_.must({"SLOWLOG", "GET", "-1"}).items) {
            const auto& words = entry.items.at(3).items;
            // take.lua is the one with twelve keys.
            count += words.size() > 9 && words[0].text == "EVALSHA" && words[2].text == "12" ? 1 : 0;
        }
        return count;
    };
    const auto publisher = open();
    (void)publisher.publish({});
    ASSERT_EQ(handled.wait_for(1).size(), 1U);
    ASSERT_TRUE(publisher.wait_idle(patience));
    ASSERT_TRUE(eventually([&] { return publisher.stats().subscribers == workers; }));

    epochs.clear();
    server_.must({"CONFIG", "SET", "slowlog-max-len", "100000"});
    server_.must({"CONFIG", "SET", "slowlog-log-slower-than", "0"});
    for (int i = 0; i < bursts; ++i) {
        for (int k = 0; k < burst; ++k) {
            (void)publisher.publish({});
        }
        const auto expected = static_cast<std::size_t>(1 + (i + 1) * burst);
        ASSERT_EQ(handled.wait_for(expected).size(), expected);
        ASSERT_TRUE(publisher.wait_idle(patience));
    }
    server_.must({"CONFIG", "SET", "slowlog-log-slower-than", "-1"});
    const std::int64_t all = takes();
    const std::lock_guard lock(mutex);
    const auto found = static_cast<std::int64_t>(epochs.size());
    ASSERT_GE(all, found);
    EXPECT_LE((all - found) * 2, all) << all - found << " of " << all << " takes found nothing";
}

}  // namespace
}  // namespace eventy::test
