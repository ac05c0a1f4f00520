// Peers that are silent, are no Redis, or no Redis yet, and replies that cannot be read.
#include <gtest/gtest.h>

#include <atomic>

#include "redis_client/client_fixture.hpp"
#include "redis_client/fake_peer.hpp"

namespace eventy::redis::test {
namespace {

using namespace std::chrono_literals;

// -- silence and deadlines -------------------------------------------------------------------------------------------

TEST(Silence, ASilentConnectionIsDroppedAndItsCommandsAreSentAgain) {
    FakePeer peer([](Session& session) {
        if (session.number() == 0 && shake_hands(session)) {
            session.wait_for_hang_up();
        }
        be_healthy(session);
    });
    TestClient client(options_for(peer));
    EXPECT_EQ(client.ask({"ECHO", "1"}).value().text, "1");
    EXPECT_EQ(peer.connections(), 2);
}

TEST(Silence, ASilentHandshakeIsTriedAgain) {
    FakePeer peer([](Session& session) {
        if (session.number() == 0) {
            session.wait_for_hang_up();
        }
        be_healthy(session);
    });
    TestClient client(options_for(peer));
    EXPECT_EQ(client.ask({"ECHO", "1"}).value().text, "1");
}

TEST(Silence, ASlowHandshakeIsWaitedForWhileOthersAreTried) {
    Gate another_try;
    std::atomic<int> answered_by{-1};
    FakePeer peer([&](Session& session) {
        if (session.number() == 1) {
            another_try.open();
        }
        if (session.number() > 0) {
            session.wait_for_hang_up();
            return;
        }
        another_try.pass();
        while (const auto command = session.command()) {
            answered_by = session.number();
            session.write(healthy_answer(*command, session.number()));
        }
    });
    TestClient client(options_for(peer));
    EXPECT_EQ(client.ask({"ECHO", "1"}).value().text, "1");
    EXPECT_EQ(answered_by, 0);
}

TEST(Silence, WhatASlowHandshakeIsRefusedForIsSaidAtOnce) {
    Gate another_try;
    FakePeer peer([&](Session& session) {
        if (session.number() > 0) {
            another_try.open();
            session.wait_for_hang_up();
            return;
        }
        another_try.pass();
        while (session.command()) {
            session.write("-WRONGPASS invalid username-password pair or user is disabled.\r\n");
        }
    });
    TestClient client(with_login(peer));
    const auto result = client.ask({"ECHO", "1"});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.failure().code, errc::connection);
    EXPECT_TRUE(contains(result.failure().message, "wrong password")) << result.failure().message;
}

TEST(Deadlines, AnAbandonedReplyIsConsumed) {
    Gate gate;
    FakePeer peer([&](Session& session) {
        shake_hands(session);
        const auto first = session.command();
        gate.pass();
        session.write(healthy_answer(*first, 0));
        be_healthy(session);
    });
    TestClient client(options_for(peer));
    ASSERT_TRUE(client.wait_ready().ok());
    const auto late = client.ask({"ECHO", "late"}, in(20ms));
    ASSERT_FALSE(late.ok());
    EXPECT_EQ(late.failure().code, errc::timeout);
    EXPECT_TRUE(contains(late.failure().message, "ECHO on key 'late'")) << late.failure().message;
    EXPECT_TRUE(contains(late.failure().message, "may have been applied")) << late.failure().message;
    auto next = client.send({"ECHO", "next"});
    gate.open();
    EXPECT_EQ(get(std::move(next)).value().text, "next");
    EXPECT_EQ(peer.connections(), 1);
}

TEST(Deadlines, WithoutAServer) {
    TestClient client(options_for(unused_port()));
    const auto result = client.ask({"ECHO", "1"}, in(50ms));
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.failure().code, errc::timeout);
    EXPECT_TRUE(contains(result.failure().message, "cannot connect: Connection refused")) << result.failure().message;
    EXPECT_FALSE(contains(result.failure().message, "may have been applied"));
    const auto ready = client.wait_ready(50ms);
    ASSERT_FALSE(ready.ok());
    EXPECT_EQ(ready.failure().code, errc::connection);
    EXPECT_TRUE(contains(ready.failure().message, "Connection refused")) << ready.failure().message;
}

TEST(Deadlines, OfManyCommandsEachOnItsOwn) {
    TestClient client(options_for(unused_port()));
    std::vector<std::future<detail::Result<Reply>>> answers;
    for (int i = 0; i < 300; ++i) {
        answers.push_back(client.send({"ECHO", "x"}, in(std::chrono::milliseconds((i * 7) % 100))));
    }
    for (auto& answer : answers) {
        EXPECT_EQ(get(std::move(answer)).failure().code, errc::timeout);
    }
}

TEST(Deadlines, AHostThatIsNone) {
    auto options = options_for(1);
    options.host = "no-such-host.invalid";
    TestClient client(options);
    const auto ready = client.wait_ready(200ms);
    ASSERT_FALSE(ready.ok());
    EXPECT_EQ(ready.failure().code, errc::connection);
    EXPECT_TRUE(contains(ready.failure().message, "no-such-host.invalid:1")) << ready.failure().message;
}

// -- no Redis, not this Redis, not yet -------------------------------------------------------------------------------

TEST(Refusals, AnHttpServer) {
    FakePeer peer([](Session& session) {
        session.command();
        session.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        session.wait_for_hang_up();
    });
    TestClient client(options_for(peer));
    const auto ready = client.wait_ready();
    ASSERT_FALSE(ready.ok());
    EXPECT_EQ(ready.failure().code, errc::connection);
    EXPECT_EQ(ready.failure().message,
              "cannot use redis 127.0.0.1:" + std::to_string(peer.port()) +
                  "/0: this is no Redis: expected a reply, got 'HTTP/1.1 400 Bad Request..Conten...'");
    const auto sent = client.ask({"GET", "k"});
    ASSERT_FALSE(sent.ok());
    EXPECT_EQ(sent.failure().code, errc::connection);
    EXPECT_TRUE(contains(sent.failure().message, "GET on key 'k'")) << sent.failure().message;
}

TEST(Refusals, NonsenseAtEveryByteOfTheHandshake) {
    const std::string good = "+OK\r\n+OK\r\n+OK\r\n+PONG\r\n";
    for (std::size_t at = 0; at < good.size(); ++at) {
        auto bytes = good;
        bytes[at] = '!';
        FakePeer peer([&](Session& session) {
            session.write(bytes + "+and\r\n+more\r\n");
            session.wait_for_hang_up();
        });
        TestClient client(with_login(peer));
        const auto ready = client.wait_ready();
        ASSERT_FALSE(ready.ok()) << at;
        EXPECT_TRUE(contains(ready.failure().message, "no Redis")) << ready.failure().message;
        EXPECT_FALSE(contains(ready.failure().message, "secret"));
    }
}

TEST(Refusals, OfAnEchoServerNeverShowThePassword) {
    FakePeer peer([](Session& session) {
        while (const auto command = session.command()) {
            session.write(bulks(*command));
        }
    });
    TestClient client(with_login(peer));
    const auto ready = client.wait_ready();
    ASSERT_FALSE(ready.ok());
    EXPECT_TRUE(contains(ready.failure().message, "no Redis")) << ready.failure().message;
    EXPECT_FALSE(contains(ready.failure().message, "secret")) << ready.failure().message;
}

TEST(Refusals, AreTriedAgainAndMayEnd) {
    Gate mended;
    FakePeer peer([&](Session& session) {
        if (session.number() == 0) {
            while (session.command()) {
                session.write("-WRONGPASS invalid username-password pair or user is disabled.\r\n");
            }
            return;
        }
        mended.pass();
        be_healthy(session);
    });
    Reports<std::string> reports;
    TestClient client(with_login(peer));
    client.run([&] {
        client.core().on_reconnect(1, [&] { reports.add("reconnected"); });
        // Sent before the refusal, without a deadline: told at once all the same.
        client.core().send(make_command({"ECHO", "1"}), {}, [&](const auto& result) {
            reports.add(result.ok() ? "answered" : result.failure().message);
        });
    });
    EXPECT_TRUE(contains(reports.next(), "wrong password for user 'alice'"));
    mended.open();
    EXPECT_EQ(reports.next(), "reconnected");
    EXPECT_EQ(client.ask({"ECHO", "2"}).value().text, "2");
}

TEST(NotYet, IsWaitedForInTheHandshake) {
    const Words excuses = {"-LOADING Redis is loading the dataset in memory", "-ERR max number of clients reached",
                           "-BUSY Redis is busy running a script", "-MASTERDOWN Link with MASTER is down"};
    FakePeer peer([&](Session& session) {
        const auto number = static_cast<std::size_t>(session.number());
        if (number < excuses.size()) {
            session.command();
            session.write(excuses[number] + "\r\n");
            return;
        }
        be_healthy(session);
    });
    TestClient client(options_for(peer));
    EXPECT_EQ(client.ask({"ECHO", "1"}).value().text, "1");
    EXPECT_EQ(peer.connections(), 5);
}

TEST(NotYet, AsAnswerToACommandItAndAllLaterOnesAreSentAgainInOrder) {
    const Words excuses = {"-LOADING x",
                           "-READONLY x",
                           "-BUSY x",
                           "-TRYAGAIN x",
                           "-MASTERDOWN x",
                           "-CLUSTERDOWN x",
                           "-NOREPLICAS x",
                           "-NOAUTH x",
                           "-ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY x"};
    FakePeer peer([&](Session& session) {
        shake_hands(session);
        const auto number = static_cast<std::size_t>(session.number());
        while (const auto command = session.command()) {
            const bool excuse = number < excuses.size() && (*command)[1] == "1";
            session.write(excuse ? excuses[number] + "\r\n" : healthy_answer(*command, 0));
        }
    });
    Reports<std::string> answers;
    TestClient client(options_for(peer));
    client.run([&] {
        for (const auto* const word : {"0", "1", "2", "3"}) {
            client.core().send(make_command({"ECHO", word}), {},
                               [&](const auto& result) { answers.add(result.value().text); });
        }
    });
    for (const auto* const word : {"0", "1", "2", "3"}) {
        EXPECT_EQ(answers.next(), word);
    }
    EXPECT_EQ(peer.connections(), 10);
}

TEST(NotYet, ForTooLongSaysWhy) {
    FakePeer peer([](Session& session) {
        shake_hands(session);
        session.command();
        session.write("-READONLY You can't write against a read only replica.\r\n");
        session.wait_for_hang_up();
    });
    TestClient client(options_for(peer));
    const auto result = client.ask({"SET", "k", "v"}, in(200ms));
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.failure().code, errc::timeout);
    EXPECT_TRUE(contains(result.failure().message, "SET on key 'k'")) << result.failure().message;
    EXPECT_TRUE(contains(result.failure().message, "READONLY")) << result.failure().message;
}

// -- replies that cannot be read -------------------------------------------------------------------------------------

TEST(Unreadable, ATooLargeReplyEndsItsCommandOnly) {
    FakePeer peer([](Session& session) {
        shake_hands(session);
        while (const auto command = session.command()) {
            session.write((*command)[0] == "GET" ? "$600000000000\r\nxxx" : healthy_answer(*command, 0));
        }
    });
    TestClient client(options_for(peer));
    auto before = client.send({"ECHO", "before"});
    auto large = client.send({"GET", "large"});
    auto after = client.send({"ECHO", "after"});
    EXPECT_EQ(get(std::move(before)).value().text, "before");
    const auto result = get(std::move(large));
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.failure().code, errc::server);
    EXPECT_TRUE(contains(result.failure().message, "GET on key 'large'")) << result.failure().message;
    EXPECT_TRUE(contains(result.failure().message, "too large")) << result.failure().message;
    EXPECT_EQ(get(std::move(after)).value().text, "after");
}

TEST(Unreadable, NonsenseEndsTheConnectionNotTheCommand) {
    FakePeer peer([](Session& session) {
        shake_hands(session);
        if (session.number() == 0) {
            session.command();
            session.write("?what\r\n");
            session.wait_for_hang_up();
        }
        be_healthy(session);
    });
    TestClient client(options_for(peer));
    EXPECT_EQ(client.ask({"ECHO", "1"}).value().text, "1");
}

TEST(Unreadable, AnswersThatNobodyAskedForEndTheConnection) {
    FakePeer peer([](Session& session) {
        shake_hands(session);
        if (session.number() == 0) {
            session.write("+OK\r\n");
            session.wait_for_hang_up();
        }
        be_healthy(session);
    });
    Reports<int> reconnects;
    TestClient client(options_for(peer));
    client.run([&] { client.core().on_reconnect(1, [&] { reconnects.add(1); }); });
    reconnects.next();
    EXPECT_EQ(client.ask({"ECHO", "1"}).value().text, "1");
}

TEST(Callbacks, MayThrow) {
    FakePeer peer(be_healthy);
    TestClient client(options_for(peer));
    client.run([&] {
        client.core().send(make_command({"ECHO", "1"}), {}, [](const auto&) { throw std::runtime_error("mine"); });
        client.core().send(make_command({"ECHO", "2"}), {}, [](const auto&) { throw 5; });
    });
    EXPECT_EQ(client.ask({"ECHO", "3"}).value().text, "3");
    EXPECT_EQ(peer.connections(), 1);
}

}  // namespace
}  // namespace eventy::redis::test
