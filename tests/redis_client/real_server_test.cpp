// The client against real servers: waits, messages, crashes, restarts, logins.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <filesystem>
#include <random>

#include "redis_client/client_fixture.hpp"
#include "support/redis_server.hpp"

namespace eventy::redis::test {
namespace {

using eventy::test::RedisServer;
using namespace std::chrono_literals;

ClientOptions options_of(const RedisServer& server) { return test::options_for(server.port()); }

/// Sends ECHO of rising numbers, a few at a time, until it is told to stop; reports each answer.
class Chatter {
public:
    explicit Chatter(TestClient& client) : client_(client) {
        client_.run([this] {
            for (int i = 0; i < 20; ++i) {
                say_next();
            }
        });
    }
    /// Waits for `count` more right answers in order.
    void expect_answers(int count) {
        for (int i = 0; i < count; ++i) {
            ASSERT_EQ(answers_.next(), std::to_string(expected_++));
        }
    }
    void stop() {
        client_.run([this] { stopped_ = true; });
    }

private:
    void say_next() {
        if (stopped_) {
            return;
        }
        client_.core().send(make_command({"ECHO", std::to_string(next_++)}), {}, [this](const auto& result) {
            answers_.add(result.ok() ? result.value().text : result.failure().message);
            say_next();
        });
    }

    TestClient& client_;
    Reports<std::string> answers_;
    bool stopped_ = false;
    int next_ = 0, expected_ = 0;
};

int blocked_clients(RedisServer& server) {
    const auto info = server.must({"INFO", "clients"}).text;
    const auto at = info.find("blocked_clients:");
    return std::stoi(info.substr(at + 16));
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

// -- waits -----------------------------------------------------------------------------------------------------------

TEST(Waits, WakeForTheirKey) {
    RedisServer server;
    Reports<std::string> woken;
    TestClient client(options_of(server));
    client.run([&] { client.core().wait_list("a", [&] { woken.add("a"); }); });
    server.must({"RPUSH", "a", "1"});
    EXPECT_EQ(woken.next(), "a");
    client.run([&] { client.core().wait_list("b", [&] { woken.add("b"); }); });
    server.must({"RPUSH", "b", "1"});
    EXPECT_EQ(woken.next(), "b");
    server.must({"RPUSH", "a", "1"});
    EXPECT_EQ(woken.next(), "a");
    EXPECT_EQ(server.must({"EXISTS", "a", "b"}).integer, 0);
    client.close();
}

TEST(Waits, AnElementForNobodyIsHandedOn) {
    RedisServer server;
    Reports<std::string> woken;
    Reports<std::string> orphans;
    TestClient client(options_of(server));
    client.run([&] {
        client.core().set_orphaned([&](std::string key) { orphans.add(key); });
        client.core().wait_list("a", [&] { woken.add("a"); });
        client.core().wait_list("b", [&] { woken.add("b"); });
    });
    while (blocked_clients(server) == 0) {
    }
    client.run([&] { client.core().stop_waiting("a"); });
    server.must({"RPUSH", "a", "1"});
    EXPECT_EQ(orphans.next(), "a");
    // It is not in the next wait, so it stays for somebody else.
    server.must({"RPUSH", "b", "1"});
    EXPECT_EQ(woken.next(), "b");
    server.must({"RPUSH", "a", "2"});
    server.must({"RPUSH", "b", "2"});
    EXPECT_EQ(woken.next(), "b");
    EXPECT_EQ(server.must({"LLEN", "a"}).integer, 1);
    client.close();
}

TEST(Waits, TheConnectionGoesWhenNobodyWaits) {
    RedisServer server;
    Reports<int> woken;
    TestClient client(options_of(server));
    ASSERT_TRUE(client.wait_ready().ok());
    client.run([&] { client.core().wait_list("a", [] {}); });
    while (blocked_clients(server) == 0) {
    }
    client.run([&] { client.core().stop_waiting("a"); });
    const auto connections = [&] {
        const auto list = server.must({"CLIENT", "LIST"}).text;
        int count = 0;
        for (auto at = list.find("name=eventy"); at != std::string::npos; at = list.find("name=eventy", at + 1)) {
            ++count;
        }
        return count;
    };
    while (connections() != 1) {
    }
    EXPECT_EQ(blocked_clients(server), 0);
    client.run([&] { client.core().wait_list("a", [&] { woken.add(1); }); });
    server.must({"RPUSH", "a", "1"});
    woken.next();
    client.close();
}

TEST(Waits, NoElementIsLostWhileKeysComeAndGo) {
    RedisServer server;
    Reports<std::string> popped;
    TestClient client(options_of(server));
    TestClient pusher(options_of(server));
    client.run([&] { client.core().set_orphaned([&](std::string key) { popped.add(key); }); });
    std::mt19937 random(11);
    std::map<std::string, int> pushed;
    constexpr int rounds = 2000;
    for (int i = 0; i < rounds; ++i) {
        const auto key = "k" + std::to_string(random() % 6);
        if (random() % 3 != 0) {
            client.run([&] {
                random() % 2 == 0 ? client.core().wait_list(key, [&, key] { popped.add(key); })
                                  : client.core().stop_waiting(key);
            });
        } else {
            ASSERT_TRUE(pusher.ask({"RPUSH", key, "1"}).ok());
            ++pushed[key];
        }
    }
    int total = 0;
    for (const auto& [key, count] : pushed) {
        total += count;
        client.run([&] { client.core().wait_list(key, [&, name = key] { popped.add(name); }); });
    }
    for (int i = 0; i < total; ++i) {
        --pushed[popped.next()];
    }
    for (const auto& [key, count] : pushed) {
        EXPECT_EQ(count, 0) << key;
    }
    client.close();
}

TEST(Waits, AKeyOfAnotherTypeDisturbsUntilItIsGone) {
    RedisServer server;
    server.must({"SET", "b", "x"});
    Reports<std::string> woken;
    TestClient client(options_of(server));
    client.run([&] {
        client.core().wait_list("a", [&] { woken.add("a"); });
        client.core().wait_list("b", [&] { woken.add("b"); });
    });
    server.must({"DEL", "b"});
    server.must({"RPUSH", "a", "1"});
    server.must({"RPUSH", "b", "1"});
    EXPECT_NE(woken.next(), woken.next());
    client.close();
}

// -- messages --------------------------------------------------------------------------------------------------------

TEST(Messages, ReachEveryListenerOfTheirChannelOnly) {
    RedisServer server;
    Reports<std::string> heard;
    TestClient client(options_of(server));
    const auto listen = [&](std::uint64_t token, const std::string& channel) {
        client.run([&] {
            client.core().listen(
                token, channel,
                {[&, token](std::string_view text) { heard.add(std::to_string(token) + " " + std::string(text)); }, {}},
                [&](const auto& result) { heard.add(result.ok() ? "ready" : result.failure().message); });
        });
        EXPECT_EQ(heard.next(), "ready");
    };
    listen(1, "news");
    listen(2, "news");
    listen(3, "other");
    server.must({"PUBLISH", "news", "a"});
    EXPECT_EQ(heard.next(), "1 a");
    EXPECT_EQ(heard.next(), "2 a");
    client.run([&] { client.core().unlisten(1); });
    server.must({"PUBLISH", "news", "b"});
    EXPECT_EQ(heard.next(), "2 b");
    client.run([&] { client.core().unlisten(2); });
    while (server.must({"PUBLISH", "news", "c"}).integer != 0) {
    }
    server.must({"PUBLISH", "other", "d"});
    EXPECT_EQ(heard.next(), "3 d");
    // Off and on again in one go.
    client.run([&] {
        client.core().unlisten(3);
        client.core().listen(4, "other", {[&](std::string_view text) { heard.add("4 " + std::string(text)); }, {}},
                             [&](const auto&) { heard.add("ready"); });
    });
    EXPECT_EQ(heard.next(), "ready");
    server.must({"PUBLISH", "other", "e"});
    EXPECT_EQ(heard.next(), "4 e");
    client.run([&] { client.core().unlisten(4); });
    while (contains(server.must({"CLIENT", "LIST"}).text, "cmd=subscribe")) {
    }
    client.close();
}

// -- crashes ---------------------------------------------------------------------------------------------------------

/// What goes on while `trouble` is made: commands, a wait and a listener; afterwards all three have to work.
void survive(RedisServer& server, const std::function<void()>& trouble) {
    Reports<std::string> woken;
    Reports<std::string> heard;
    TestClient client(options_of(server));
    client.run([&] {
        client.core().wait_list("wake", [&] { woken.add("woken"); });
        client.core().listen(1, "news",
                             {[&](std::string_view text) { heard.add(std::string(text)); }, [&] { heard.add("gap"); }},
                             [&](const auto&) { heard.add("ready"); });
    });
    EXPECT_EQ(heard.next(), "ready");
    Chatter chatter(client);
    for (int round = 0; round < 3; ++round) {
        chatter.expect_answers(100);
        while (blocked_clients(server) == 0) {
        }
        trouble();
        chatter.expect_answers(200);
        EXPECT_EQ(woken.next(), "woken");  // told to look
        EXPECT_EQ(heard.next(), "gap");
        woken.clear();
        server.must({"RPUSH", "wake", "1"});
        woken.next();
        server.must({"PUBLISH", "news", "again"});
        EXPECT_EQ(heard.next(), "again");
        woken.clear();
    }
    chatter.stop();
    client.close();
}

TEST(Crashes, OfTheServer) {
    RedisServer server;
    survive(server, [&] {
        server.kill9();
        server.start();
    });
}

TEST(Crashes, OfConnections) {
    RedisServer server;
    survive(server, [&] {
        server.must({"CLIENT", "KILL", "TYPE", "normal"});
        server.must({"CLIENT", "KILL", "TYPE", "pubsub"});
    });
}

TEST(Crashes, WithDataOnDiskLoadingIsWaitedFor) {
    RedisServer server(RedisServer::Options{{}, true});
    TestClient client(options_of(server));
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(client.ask({"SET", "k" + std::to_string(i), std::to_string(i)}).ok());
    }
    server.kill9();
    auto answer = client.send({"GET", "k99"});
    server.start();
    EXPECT_EQ(get(std::move(answer)).value().text, "99");
}

TEST(Crashes, AServerThatStandsStillAndGoesOn) {
    RedisServer server;
    TestClient client(options_of(server));
    ASSERT_TRUE(client.wait_ready().ok());
    server.pause();
    auto patient = client.send({"ECHO", "patient"});
    const auto hasty = client.ask({"ECHO", "hasty"}, in(1500ms));  // long enough that the connection is dropped
    ASSERT_FALSE(hasty.ok());
    EXPECT_EQ(hasty.failure().code, errc::timeout);
    server.resume();
    EXPECT_EQ(get(std::move(patient)).value().text, "patient");
}

TEST(Crashes, ManyClientsComeAndGoWhileTheServerDoes) {
    RedisServer server;
    for (int round = 0; round < 4; ++round) {
        std::vector<std::unique_ptr<TestClient>> clients;
        std::vector<std::future<detail::Result<Reply>>> answers;
        for (int i = 0; i < 8; ++i) {
            clients.push_back(std::make_unique<TestClient>(options_of(server)));
            clients.back()->run([&] { clients.back()->core().wait_list("list", [] {}); });
            answers.push_back(clients.back()->send({"PING"}));
        }
        if (round % 2 == 0) {
            server.kill9();
            clients.resize(4);  // these end while it is gone
            server.start();
        }
        for (std::size_t i = 0; i < clients.size(); ++i) {
            EXPECT_TRUE(get(std::move(answers[i])).ok());
        }
    }
}

}  // namespace
}  // namespace eventy::redis::test
