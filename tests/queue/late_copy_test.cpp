// What a copy of a call does that lay on an old connection, and arrives when the call is long answered.
#include "queue/backends.hpp"
#include "support/old_connections.hpp"
#include "support/tcp_proxy.hpp"

namespace eventy::test {
namespace {

class LateCopies : public ::testing::Test {
protected:
    LateCopies() {
        set_logger([](LogLevel, std::string_view) {});
    }
    ~LateCopies() override { set_logger(nullptr); }

    RedisEventQueue<Order> open() {
        redis::ClientOptions options;
        options.port = line_.port();
        options.command_timeout = patience;
        return RedisEventQueue<Order>({.redis_client = std::make_shared<redis::Client>(options), .concurrency = 1});
    }

    /// Calls with all connections held back, so that the answer comes to a copy on a new one; then, when `meanwhile` is
    /// over, lets the first copy go. Returns when it has arrived.
    void with_a_late_copy(const std::function<void()>& call, const std::function<void()>& meanwhile) {
        const OldConnections old(server_);
        ASSERT_FALSE(old.none());
        line_.hold_present();
        call();
        meanwhile();
        line_.flow();
        ASSERT_TRUE(old.wait_for_their_end());
    }

    RedisServer server_;
    TcpProxy line_{server_.port()};
};

TEST_F(LateCopies, OfADiscardChangesNothing) {
    const auto queue = open();
    const auto id = queue.publish({}).id;
    with_a_late_copy([&] { EXPECT_TRUE(queue.discard(id)); },
                     [&] {
                         EXPECT_TRUE(queue.retry_event(id));
                         EXPECT_EQ(queue.get_event(id).status, EventStatus::pending);
                     });
    EXPECT_EQ(queue.get_event(id).status, EventStatus::pending);
}

TEST_F(LateCopies, OfARetryByHandRunsTheEventNoFurtherTime) {
    const auto queue = open();
    const auto id = queue.publish({}).id;
    const auto process = [&] {
        int runs = 0;
        const auto subscription = queue.subscribe([&](const QueueEvent<Order>&) {
            ++runs;
            throw std::runtime_error("not this time either");
        });
        EXPECT_TRUE(queue.wait_idle(patience));
        return runs;
    };
    ASSERT_EQ(process(), 1);
    with_a_late_copy([&] { EXPECT_TRUE(queue.retry_event(id)); }, [&] { EXPECT_EQ(process(), 1); });
    EXPECT_EQ(queue.get_event(id).status, EventStatus::error);
    EXPECT_EQ(process(), 0);
}

}  // namespace
}  // namespace eventy::test
