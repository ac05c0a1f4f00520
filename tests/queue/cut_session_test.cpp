// A whole session of a queue on a real server, with the connection cut behind each of its bytes in turn.
#include <map>
#include <mutex>
#include <thread>

#include "queue/backends.hpp"
#include "support/tcp_proxy.hpp"

namespace eventy::test {
namespace {

using Way = TcpProxy::Way;

class CutSession : public ::testing::TestWithParam<Way> {
protected:
    CutSession() {
        set_logger([](LogLevel, std::string_view) {});
    }
    ~CutSession() override { set_logger(nullptr); }

    RedisEventQueue<Order> open(int port, int number) const {
        redis::ClientOptions options;
        options.port = port;
        options.command_timeout = 30s;
        options.connect_timeout = 30s;
        return RedisEventQueue<Order>({.redis_client = std::make_shared<redis::Client>(options),
                                       .key_prefix = "s" + std::to_string(number),
                                       .concurrency = 2,
                                       .lease = 10min});
    }

    /// Publishes, handles and looks, through a proxy that cuts after so many bytes; then, past the proxy, checks what
    /// is stored. False: the session ended before it carried so many.
    bool run(std::int64_t cut_after) {
        constexpr int events = 5;
        const int number = ++sessions_;
        TcpProxy proxy(server_.port(), GetParam(), cut_after);
        std::mutex mutex;
        std::map<EventId, int> handled;
        {
            const auto queue = open(proxy.port(), number);
            std::atomic<int> notices{0};
            const auto watch = queue.watch([&](const EventNotice&) { ++notices; });
            const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) {
                const std::lock_guard lock(mutex);
                ++handled[event.id];
            });
            EXPECT_EQ(queue.publish({"one"}).id, 1);
            EXPECT_EQ(queue.publish({"two"}).id, 2);
            EXPECT_EQ(queue.publish_all(std::vector<Order>(3)).back().id, events);
            EXPECT_TRUE(queue.wait_idle(patience));
            EXPECT_EQ(queue.search_events({.status = EventStatus::processed}).items.size(), std::size_t{events});
            EXPECT_EQ(queue.get_event(2).payload.order_id, "two");
            EXPECT_TRUE(queue.close(patience));
        }
        const auto past_it = open(server_.port(), number);
        EXPECT_EQ(past_it.stats().last_id, events) << "published twice";
        EXPECT_EQ(past_it.count_events(), events);
        EXPECT_EQ(past_it.count_events({.status = EventStatus::processed}), events);
        for (EventId id = 1; id <= events; ++id) {
            EXPECT_EQ(handled[id], 1) << "event " << id;
        }
        const bool has_cut = proxy.has_cut();
        total_ = has_cut ? total_.load() : proxy.carried(GetParam());
        return has_cut;
    }

    RedisServer server_;
    std::atomic<int> sessions_{0};
    std::atomic<std::int64_t> total_{0};
};

TEST_P(CutSession, ProcessesEachEventOnceWhereverItIsCut) {
    ASSERT_FALSE(run(TcpProxy::never));  // and the server knows the scripts from now on
    ASSERT_FALSE(run(TcpProxy::never));
    // The length of the session differs a little from run to run, by what happens at the same time.
    const std::int64_t length = total_;
    ASSERT_GT(length, 1000);
    constexpr std::int64_t sessions = 600;
    const std::int64_t step = std::max<std::int64_t>(1, length / sessions);
    std::atomic<std::int64_t> next{1};
    std::atomic<int> cuts{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (std::int64_t at = next.fetch_add(step); at <= length; at = next.fetch_add(step)) {
                const ::testing::ScopedTrace trace(__FILE__, __LINE__, "cut after byte " + std::to_string(at));
                try {
                    cuts += run(at) ? 1 : 0;
                } catch (const std::exception& error) {
                    ADD_FAILURE() << error.what();
                }
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_GT(cuts, sessions * 3 / 4);
    RecordProperty("cuts", cuts);
}

INSTANTIATE_TEST_SUITE_P(On, CutSession, ::testing::Values(Way::requests, Way::replies),
                         [](const auto& i) { return i.param == Way::requests ? "WayThere" : "WayBack"; });

}  // namespace
}  // namespace eventy::test
