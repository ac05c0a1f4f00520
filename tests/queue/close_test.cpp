// close(): what it does with what the worker holds, and that it returns by its deadline whatever Redis does.
#include <thread>

#include "queue/backends.hpp"
#include "support/tcp_proxy.hpp"

namespace eventy::test {
namespace {

using Clock = std::chrono::steady_clock;

/// The bound is the deadline; the rest is for a machine that does other things, too.
constexpr auto allowance = 5s;

class Closing : public ::testing::Test {
protected:
    Closing() {
        set_logger([](LogLevel, std::string_view) {});
    }
    ~Closing() override { set_logger(nullptr); }

    RedisEventQueue<Order> open(int port, int concurrency = 1) {
        redis::ClientOptions options;
        options.port = port;
        options.command_timeout = patience;
        return RedisEventQueue<Order>({.redis_client = std::make_shared<redis::Client>(options),
                                       .concurrency = concurrency,
                                       .lease = 1h,  // what is handed back need not wait for its end
                                       .lazy_connect = true});
    }

    /// One handler runs and does not hear, events lie behind it, an outcome waits to be stored, a publisher waits.
    void returns_by_its_deadline(const std::function<void()>& trouble) {
        std::optional<RedisEventQueue<Order>> queue(open(line_.port(), 2));
        Signal begun;
        Signal go_on;
        Signal first_may_end;
        Signal first_began;
        queue
            ->subscribe([&](const QueueEvent<Order>& event) {
                if (event.id == 1) {
                    first_began.set();
                    EXPECT_TRUE(first_may_end.wait());
                } else if (event.id == 2) {
                    begun.set();
                    EXPECT_TRUE(go_on.wait());
                }
            })
            .detach();
        (void)queue->publish_all(std::vector<Order>(10));
        ASSERT_TRUE(begun.wait());
        ASSERT_TRUE(first_began.wait());
        trouble();
        first_may_end.set();
        std::thread publisher([copy = *queue] { (void)thrown([&] { (void)copy.publish({}); }); });
        const auto before = Clock::now();
        EXPECT_FALSE(queue->close(300ms)) << "a handler runs";
        const auto took = Clock::now() - before;
        EXPECT_GE(took, 300ms);
        EXPECT_LT(took, 300ms + allowance);
        go_on.set();
        EXPECT_TRUE(eventually([&] { return queue->close(0ms); })) << "now none runs";
        const auto before_end = Clock::now();
        queue->close(300ms);
        queue.reset();
        EXPECT_LT(Clock::now() - before_end, 300ms + allowance);
        mend_();
        publisher.join();
    }

    RedisServer server_{RedisServer::Options{.arguments = {}, .append_only = true}};
    TcpProxy line_{server_.port()};
    std::function<void()> mend_ = [] {};
};

TEST_F(Closing, ReturnsByItsDeadlineWithRedisThere) {
    returns_by_its_deadline([] {});
}

TEST_F(Closing, ReturnsByItsDeadlineWithRedisGone) {
    mend_ = [&] { server_.start(); };
    returns_by_its_deadline([&] { server_.kill9(); });
}

TEST_F(Closing, ReturnsByItsDeadlineWithRedisStopped) {
    mend_ = [&] { server_.resume(); };
    returns_by_its_deadline([&] { server_.pause(); });
}

TEST_F(Closing, ReturnsByItsDeadlineOverASilentLine) {
    mend_ = [&] { line_.flow(); };
    returns_by_its_deadline([&] { line_.hold(true, true); });
}

TEST_F(Closing, ReturnsByItsDeadlineOverACutLine) {
    mend_ = [&] { line_.flow(); };
    returns_by_its_deadline([&] { line_.refuse(); });
}

TEST_F(Closing, HandsBackWhatNoHandlerHasBegunSoThatAnotherHasItAtOnce) {
    const auto queue = open(server_.port());
    const auto other = open(server_.port(), 4);
    Signal begun;
    Signal go_on;
    std::atomic<int> calls{0};
    queue
        .subscribe([&](const QueueEvent<Order>& event) {
            ++calls;
            if (event.id == 65) {  // quick ones before it: the worker takes ahead now
                begun.set();
                EXPECT_TRUE(go_on.wait());
            }
        })
        .detach();
    (void)other.publish_all(std::vector<Order>(100));
    ASSERT_TRUE(begun.wait());
    ASSERT_TRUE(eventually([&] { return server_.command({"ZCARD", "eventy:leases:Order:default"}).integer > 1; }))
        << "events lie behind the running one";
    std::thread closer([&] { EXPECT_TRUE(queue.close(patience)); });
    // While the handler of 65 still runs, another worker has all that lay behind it.
    Seen<EventId> seen;
    const auto subscription = other.subscribe([&](const QueueEvent<Order>& event) { seen.add(event.id); });
    auto rest = seen.wait_for(35);
    std::sort(rest.begin(), rest.end());
    ASSERT_EQ(rest.size(), 35U);
    EXPECT_EQ(rest.front(), 66);
    EXPECT_EQ(rest.back(), 100);
    EXPECT_EQ(other.get_event(65).status, EventStatus::processing);
    go_on.set();
    closer.join();
    EXPECT_EQ(other.get_event(65).status, EventStatus::processed) << "stored when close() returned";
    EXPECT_EQ(calls, 65) << "nothing more was begun";
    EXPECT_EQ(other.get_event(66).attempt, 1) << "what was handed back is no attempt";
}

TEST_F(Closing, StoresOutcomesBeforeItReturnsThoughRedisWasAway) {
    const auto queue = open(server_.port());
    const auto other = open(server_.port());
    Signal begun;
    Signal go_on;
    queue
        .subscribe([&](const QueueEvent<Order>&) {
            begun.set();
            EXPECT_TRUE(go_on.wait());
        })
        .detach();
    (void)queue.publish({});
    ASSERT_TRUE(begun.wait());
    server_.kill9();
    go_on.set();
    std::atomic<bool> closed{false};
    std::thread closer([&] {
        EXPECT_TRUE(queue.close(patience));
        closed = true;
    });
    EXPECT_FALSE(closed);
    server_.start();
    closer.join();
    EXPECT_EQ(other.get_event(1).status, EventStatus::processed);
    EXPECT_EQ(other.get_event(1).attempt, 1);
}

}  // namespace
}  // namespace eventy::test
