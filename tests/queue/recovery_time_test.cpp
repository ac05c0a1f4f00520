// How soon a worker consumes again once Redis is back: measured, printed, and at most a second.
#include <cstdio>
#include <thread>

#include "queue/backends.hpp"
#include "support/tcp_proxy.hpp"

namespace eventy::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto bound = 1s;
constexpr int tries = 3;  // a machine that does other things, too, may spoil one

class RecoveryTime : public ::testing::Test {
protected:
    RecoveryTime() {
        set_logger([](LogLevel, std::string_view) {});
    }
    ~RecoveryTime() override { set_logger(nullptr); }

    /// `trouble`, then `back`, which returns once Redis can be reached; after it somebody else publishes. The time from
    /// there to the handler's start, the best of up to three tries.
    void measure(const char* what, const std::function<void()>& trouble, const std::function<void()>& back,
                 milliseconds lasting = 1500ms) {
        redis::ClientOptions options;
        options.port = line_.port();
        const RedisEventQueue<Order> worker(
            {.redis_client = std::make_shared<redis::Client>(options), .concurrency = 2});
        Seen<Clock::time_point> handled;
        const auto subscription = worker.subscribe([&](const QueueEvent<Order>&) { handled.add(Clock::now()); });
        auto best = milliseconds::max();
        std::size_t count = 0;
        for (int i = 0; i < tries && best > bound; ++i) {
            publish_by_other();
            ASSERT_EQ(handled.wait_for(++count).size(), count);
            ASSERT_TRUE(worker.wait_idle(patience));
            trouble();
            std::this_thread::sleep_for(lasting);  // as long as an outage is: what is measured comes after it
            back();
            const auto there = Clock::now();
            publish_by_other();
            const auto seen = handled.wait_for(++count);
            ASSERT_EQ(seen.size(), count);
            const auto took = std::chrono::ceil<milliseconds>(seen.back() - there);
            std::printf("%s: consumes again after %lld ms\n", what, static_cast<long long>(took.count()));
            best = std::min(best, took);
        }
        EXPECT_LE(best, bound) << what;
    }
    /// Over a connection of its own that has seen no trouble: it does not wait for a rest of ours.
    void publish_by_other() {
        redis::ClientOptions options;
        options.port = server_.port();
        const RedisEventQueue<Order> other({.redis_client = std::make_shared<redis::Client>(options)});
        (void)other.publish({});
    }

    RedisServer server_{RedisServer::Options{.arguments = {}, .append_only = true}};
    TcpProxy line_{server_.port()};
};

TEST_F(RecoveryTime, AfterRedisWasKilledAndStarted) {
    measure("kill -9 and start", [&] { server_.kill9(); }, [&] { server_.start(); });
}

TEST_F(RecoveryTime, AfterRedisWasAwayForLong) {
    measure("kill -9 and start after 8 s", [&] { server_.kill9(); }, [&] { server_.start(); }, 8000ms);
}

TEST_F(RecoveryTime, AfterRedisStoodStill) {
    measure("SIGSTOP and SIGCONT", [&] { server_.pause(); }, [&] { server_.resume(); });
}

TEST_F(RecoveryTime, AfterRedisStoodStillForLong) {
    measure("SIGSTOP and SIGCONT after 8 s", [&] { server_.pause(); }, [&] { server_.resume(); }, 8000ms);
}

TEST_F(RecoveryTime, AfterItsConnectionsWereKilled) {
    measure("CLIENT KILL", [&] { server_.must({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}); }, [] {}, 0ms);
}

TEST_F(RecoveryTime, AfterTheLineWasCut) {
    measure("cut line", [&] { line_.refuse(); }, [&] { line_.flow(); });
}

TEST_F(RecoveryTime, AfterTheLineWasSilent) {
    measure("silent line", [&] { line_.hold(true, true); }, [&] { line_.flow(); });
}

TEST_F(RecoveryTime, AfterTheLineWasSilentForLong) {
    measure("silent line for 8 s", [&] { line_.hold(true, true); }, [&] { line_.flow(); }, 8000ms);
}

TEST_F(RecoveryTime, AfterAFailover) {
    measure(
        "replica made master", [&] { server_.must({"REPLICAOF", "127.0.0.1", "1"}); },
        [&] { server_.must({"REPLICAOF", "NO", "ONE"}); });
}

/// The old one takes connections, and says nothing any more.
TEST_F(RecoveryTime, AfterAFailoverFromAServerThatHangs) {
    measure(
        "failover from a server that hung for 10 s", [&] { line_.hold(true, true); },
        [&] {
            line_.hold_present();
            line_.hold(false, false);
        },
        10s);
}

}  // namespace
}  // namespace eventy::test
