// The client against real servers: commands and logins.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <filesystem>

#include "redis_client/client_fixture.hpp"
#include "support/redis_server.hpp"

namespace eventy::redis::test {
namespace {

using eventy::test::RedisServer;
using namespace std::chrono_literals;

ClientOptions options_of(const RedisServer& server) { return test::options_for(server.port()); }

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

TEST(RealServer, ErrorsAreValues) {
    RedisServer server;
    TestClient client(options_of(server));
    server.must({"SET", "text", "x"});
    const auto wrong_type = client.ask({"LPUSH", "text", "y"});
    ASSERT_TRUE(wrong_type.ok());
    EXPECT_TRUE(wrong_type.value().is_error("WRONGTYPE"));
    EXPECT_TRUE(client.ask({"EVALSHA", std::string(40, '0'), "0"}).value().is_error("NOSCRIPT"));
    EXPECT_TRUE(client.ask({"NOSUCHCOMMAND"}).value().is_error("ERR"));
    EXPECT_EQ(client.ask({"GET", "text"}).value().text, "x");
    EXPECT_TRUE(client.ask({"GET", "none"}).value().is_nil());
}

TEST(RealServer, LargeValuesGoThereAndBack) {
    RedisServer server;
    TestClient client(options_of(server));
    std::string value(20'000'000, 'x');
    for (std::size_t i = 0; i < value.size(); i += 1000) {
        value[i] = static_cast<char>(i / 1000);
    }
    EXPECT_EQ(client.ask({"SET", "large", value}).value().text, "OK");
    EXPECT_TRUE(client.ask({"GET", "large"}).value().text == value);
}

TEST(RealServer, OverAUnixSocketWithDatabaseAndName) {
    RedisServer server;
    ClientOptions options;
    options.unix_socket = server.socket_path();
    options.db = 5;
    options.client_name = "shop";
    TestClient client(options);
    EXPECT_EQ(client.ask({"CLIENT", "GETNAME"}).value().text, "shop");
    EXPECT_EQ(client.ask({"SET", "k", "v"}).value().text, "OK");
    EXPECT_TRUE(server.must({"GET", "k"}).is_nil());  // in database 0
}

TEST(RealServer, ByHostName) {
    RedisServer server;
    auto options = options_of(server);
    options.host = "localhost";
    TestClient client(options);
    EXPECT_EQ(client.ask({"PING"}).value().text, "PONG");
}

/// The sockets of this process that are connected to the port.
std::vector<int> sockets_to(int port) {
    std::vector<int> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        const int fd = std::stoi(entry.path().filename().string());
        sockaddr_in peer{};
        socklen_t size = sizeof peer;
        if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == port) {
            found.push_back(fd);
        }
    }
    return found;
}

TEST(RealServer, AVanishedPeerIsNoticedOnEveryConnectionAndChildrenDoNotInheritThem) {
    RedisServer server;
    TestClient client(options_of(server));
    Reports<std::string> woken;
    Reports<int> ready;
    client.run([&] {
        client.core().wait_list("a", [&] { woken.add("a"); });
        client.core().listen(1, "news", {}, [&](const auto&) { ready.add(1); });
    });
    server.must({"RPUSH", "a", "1"});
    woken.next();
    ready.next();
    ASSERT_TRUE(client.wait_ready().ok());
    const auto sockets = sockets_to(server.port());
    EXPECT_EQ(sockets.size(), 3U);
    for (const int fd : sockets) {
        const auto option = [fd](int level, int name) {
            int value = 0;
            socklen_t size = sizeof value;
            EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
            return value;
        };
        EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
        EXPECT_LE(
            option(IPPROTO_TCP, TCP_KEEPIDLE) + option(IPPROTO_TCP, TCP_KEEPINTVL) * option(IPPROTO_TCP, TCP_KEEPCNT),
            15);
        EXPECT_GT(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
        EXPECT_LE(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 15'000);
        EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    }
    client.close();
}

// -- logins ----------------------------------------------------------------------------------------------------------

TEST(Logins, RightAndWrong) {
    RedisServer server(std::vector<std::string>{});
    server.must({"ACL", "SETUSER", "alice", "on", ">secret", "~*", "&*", "+@all"});
    auto options = options_of(server);
    options.username = "alice";
    options.password = "secret";
    EXPECT_TRUE(TestClient(options).wait_ready().ok());

    options.password = "guess-me";
    const auto wrong = TestClient(options).wait_ready();
    ASSERT_FALSE(wrong.ok());
    EXPECT_EQ(wrong.failure().code, errc::connection);
    EXPECT_EQ(wrong.failure().message,
              "cannot use redis 127.0.0.1:" + std::to_string(server.port()) + "/0: wrong password for user 'alice'");

    options.username.clear();
    const auto none_set = TestClient(options).wait_ready();
    ASSERT_FALSE(none_set.ok());
    EXPECT_TRUE(contains(none_set.failure().message, "a password was given, but it has none"));
}

TEST(Logins, ADatabaseThatDoesNotExist) {
    RedisServer server;
    auto options = options_of(server);
    options.db = 99;
    const auto result = TestClient(options).wait_ready();
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.failure().code, errc::connection);
    EXPECT_TRUE(contains(result.failure().message, "database 99 does not exist")) << result.failure().message;
}

TEST(Logins, APasswordThatComesLaterAndGoesAgain) {
    RedisServer server;
    server.must({"ACL", "SETUSER", "alice", "on", ">old", "~*", "&*", "+@all"});
    auto options = options_of(server);
    options.username = "alice";
    options.password = "old";
    Reports<int> reconnects;
    TestClient client(options);
    ASSERT_TRUE(client.wait_ready().ok());
    client.run([&] { client.core().on_reconnect(1, [&] { reconnects.add(1); }); });
    server.must({"ACL", "SETUSER", "alice", "resetpass", ">new"});
    server.must({"CLIENT", "KILL", "USER", "alice"});
    for (;;) {  // the first may be answered by a connection that is just dying
        const auto result = client.ask({"PING"});
        if (!result.ok()) {
            EXPECT_TRUE(contains(result.failure().message, "wrong password for user 'alice'"));
            break;
        }
    }
    server.must({"ACL", "SETUSER", "alice", "resetpass", ">old"});
    reconnects.next();
    EXPECT_TRUE(client.ask({"PING"}).ok());
}

}  // namespace
}  // namespace eventy::redis::test
