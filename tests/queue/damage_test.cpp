// What a program sees of a queue whose keys others damaged.
#include "queue/backends.hpp"

namespace eventy::test {
namespace {

class Damage : public ::testing::Test {
protected:
    RedisEventQueue<Order> open() {
        redis::ClientOptions options;
        options.port = server_.port();
        return RedisEventQueue<Order>({.redis_client = std::make_shared<redis::Client>(options)});
    }
    RedisServer server_;
};

TEST_F(Damage, WaitIdleWaitsForEventsThatAreNotInTheIndex) {
    const auto queue = open();
    (void)queue.publish_all({Order{"a", 1}, Order{"b", 2}, Order{"c", 3}});
    server_.must({"DEL", "eventy:index:Order"});
    EXPECT_FALSE(queue.wait_idle(0ms)) << "three wait";
    Seen<EventId> seen;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) { seen.add(event.id); });
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(seen.now().size(), 3U);
    EXPECT_EQ(queue.count_events({.status = EventStatus::processed}), 3);
}

TEST_F(Damage, WaitIdleKnowsNoGroupEither) {
    const auto queue = open();
    (void)queue.publish({"a", 1});
    server_.must({"DEL", "eventy:index:Order", "eventy:groups:Order"});
    EXPECT_FALSE(queue.wait_idle(0ms));
    server_.must({"DEL", "eventy:index:Order", "eventy:meta:Order"});
    EXPECT_FALSE(queue.wait_idle(0ms));
}

TEST_F(Damage, WaitIdleEndsWhenAllThatTheIndexLacksIsGone) {
    const auto queue = open();
    (void)queue.publish_all({Order{"a", 1}, Order{"b", 2}});
    server_.must({"DEL", "eventy:index:Order", "eventy:events:Order:1", "eventy:events:Order:2"});
    EXPECT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(queue.stats().expired, 2);
}

}  // namespace
}  // namespace eventy::test
