// The three connections against real servers: waits, messages, and all of them through crashes and restarts.
#include <gtest/gtest.h>

#include <random>

#include "redis_client/client_fixture.hpp"
#include "support/redis_server.hpp"

namespace eventy::redis::test {
namespace {

using eventy::test::RedisServer;
using namespace std::chrono_literals;

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

// -- waits -----------------------------------------------------------------------------------------------------------

TEST(Waits, WakeForTheirKey) {
    RedisServer server;
    Reports<std::string> woken;
    TestClient client(options_for(server.port()));
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
    TestClient client(options_for(server.port()));
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
    TestClient client(options_for(server.port()));
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
    TestClient client(options_for(server.port()));
    TestClient pusher(options_for(server.port()));
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
    TestClient client(options_for(server.port()));
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
    TestClient client(options_for(server.port()));
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
    TestClient client(options_for(server.port()));
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
    TestClient client(options_for(server.port()));
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
    TestClient client(options_for(server.port()));
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
            clients.push_back(std::make_unique<TestClient>(options_for(server.port())));
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
