#include <gtest/gtest.h>

#include "redis_client/client_fixture.hpp"
#include "support/redis_server.hpp"

namespace eventy::redis::test {
namespace {

using eventy::test::RedisServer;

ClientOptions options_of(const RedisServer& server) {
    ClientOptions options;
    options.port = server.port();
    return options;
}

TEST(RealServer, AnswersInOrder) {
    RedisServer server;
    TestClient client(options_of(server));
    ASSERT_TRUE(client.wait_ready().ok());
    std::vector<std::future<detail::Result<Reply>>> answers;
    for (int i = 0; i < 1000; ++i) {
        answers.push_back(client.send({"INCR", "n"}));
    }
    for (int i = 0; i < 1000; ++i) {
        const auto result = get(std::move(answers[static_cast<std::size_t>(i)]));
        ASSERT_TRUE(result.ok()) << result.failure().message;
        EXPECT_EQ(result.value().integer, i + 1);
    }
}

TEST(RealServer, WakesAWaiter) {
    RedisServer server;
    TestClient client(options_of(server));
    Reports<std::string> woken;
    client.run([&] { client.core().wait_list("a", [&] { woken.add("a"); }); });
    server.must({"RPUSH", "a", "1"});
    EXPECT_EQ(woken.next(), "a");
    client.run([&] { client.core().wait_list("b", [&] { woken.add("b"); }); });
    server.must({"RPUSH", "b", "1"});
    EXPECT_EQ(woken.next(), "b");
    server.must({"RPUSH", "a", "1"});
    EXPECT_EQ(woken.next(), "a");
    client.close();
}

TEST(RealServer, HearsMessages) {
    RedisServer server;
    TestClient client(options_of(server));
    Reports<std::string> heard;
    client.run([&] {
        client.core().listen(1, "news", {[&](std::string_view text) { heard.add(std::string(text)); }, [] {}},
                             [&](auto result) { heard.add(result.ok() ? "ready" : result.failure().message); });
    });
    EXPECT_EQ(heard.next(), "ready");
    server.must({"PUBLISH", "news", "hello"});
    EXPECT_EQ(heard.next(), "hello");
    client.close();
}

}  // namespace
}  // namespace eventy::redis::test
