// Blocking waits and pub/sub against peers that misbehave.
#include <gtest/gtest.h>

#include <algorithm>

#include "redis_client/client_fixture.hpp"
#include "redis_client/fake_peer.hpp"

namespace eventy::redis::test {
namespace {

// -- waits -----------------------------------------------------------------------------------------------------------

/// Answers healthily, except that BLPOP and CLIENT UNBLOCK go to `special`, which returns the answer or nothing.
FakePeer::Story healthy_but(std::function<std::optional<std::string>(const Words&, Session&)> special) {
    return [special = std::move(special)](Session& session) {
        while (const auto command = session.command()) {
            const bool unblock = command->front() == "CLIENT" && command->at(1) == "UNBLOCK";
            if (command->front() != "BLPOP" && !unblock) {
                session.write(healthy_answer(*command, session.number()));
            } else if (const auto answer = special(*command, session)) {
                session.write(*answer);
            } else {
                return;
            }
        }
    };
}

TEST(Waits, AreTakenUpAgainAfterACutAndTheWaitersAreTold) {
    Reports<Words> waits;
    std::atomic<int> count{0};
    FakePeer peer(healthy_but([&](const Words& command, Session& session) -> std::optional<std::string> {
        waits.add(command);
        if (count++ < 3) {
            return std::nullopt;  // hang up
        }
        session.wait_for_hang_up();
        return std::nullopt;
    }));
    Reports<std::string> woken;
    TestClient client(options_for(peer));
    client.run([&] {
        client.core().wait_list("a", [&] { woken.add("a"); });
        client.core().wait_list("b", [&] { woken.add("b"); });
    });
    EXPECT_EQ(waits.next(), (Words{"BLPOP", "a", "b", "30"}));
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(waits.next().size(), 4U);
        EXPECT_EQ(woken.next(), "a");
        EXPECT_EQ(woken.next(), "b");
    }
    client.close();
    EXPECT_EQ(woken.size(), 0U);
}

TEST(Waits, ANewKeyBreaksOffTheRunningWaitEvenIfItComesTooEarly) {
    Reports<Words> seen;
    Gate blocked;
    std::atomic<int> unblocks{0};
    Gate end_wait;
    FakePeer peer(healthy_but([&](const Words& command, Session& session) -> std::optional<std::string> {
        seen.add(command);
        if (command[0] == "CLIENT") {
            if (unblocks++ < 2) {
                return ":0\r\n";  // as if the wait had not arrived yet
            }
            end_wait.open();
            return ":1\r\n";
        }
        if (command.size() == 3) {
            blocked.open();
            end_wait.pass();
            return "*-1\r\n";
        }
        session.write(bulks({"b", "1"}));
        session.wait_for_hang_up();
        return std::nullopt;
    }));
    Reports<std::string> woken;
    TestClient client(options_for(peer));
    client.run([&] { client.core().wait_list("a", [&] { woken.add("a"); }); });
    EXPECT_EQ(seen.next(), (Words{"BLPOP", "a", "30"}));
    blocked.pass();
    client.run([&] { client.core().wait_list("b", [&] { woken.add("b"); }); });
    for (int i = 0; i < 3; ++i) {
        const auto command = seen.next();
        EXPECT_EQ(command[1], "UNBLOCK");
        EXPECT_EQ(command[2], "101");  // the number that the second connection was told
    }
    EXPECT_EQ(seen.next(), (Words{"BLPOP", "b", "a", "30"}));
    EXPECT_EQ(woken.next(), "b");
}

TEST(Waits, AreShortWhereUnblockIsRefused) {
    Reports<Words> seen;
    FakePeer peer(healthy_but([&](const Words& command, Session& session) -> std::optional<std::string> {
        seen.add(command);
        if (command[0] == "CLIENT") {
            return "-NOPERM this user has no permissions to run the 'client|unblock' command\r\n";
        }
        session.wait_for_hang_up();
        return std::nullopt;
    }));
    TestClient client(options_for(peer));
    client.run([&] { client.core().wait_list("a", [] {}); });
    EXPECT_EQ(seen.next(), (Words{"BLPOP", "a", "30"}));
    client.run([&] { client.core().wait_list("b", [] {}); });
    EXPECT_EQ(seen.next()[1], "UNBLOCK");
    EXPECT_EQ(seen.next(), (Words{"BLPOP", "b", "a", "1"}));
}

TEST(Waits, GoOnAfterErrors) {
    std::atomic<int> count{0};
    FakePeer peer(healthy_but([&](const Words&, Session& session) -> std::optional<std::string> {
        switch (count++) {
            case 0: return "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
            case 1: return "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n";
            case 2: return "-READONLY You can't write against a read only replica.\r\n";
            case 3: return "*-1\r\n";
            case 4: return bulks({"a", "1"});
            default: session.wait_for_hang_up(); return std::nullopt;
        }
    }));
    Reports<int> woken;
    TestClient client(options_for(peer));
    client.run([&] { client.core().wait_list("a", [&] { woken.add(1); }); });
    woken.next();  // after READONLY ended the connection
    woken.next();  // the element
    client.close();
}

TEST(Waits, ASilentWaitIsGivenUpAfterItsTimeAndAMargin) {
    Reports<Words> waits;
    FakePeer peer([&](Session& session) {
        while (const auto command = session.command()) {
            if (command->front() == "BLPOP") {
                waits.add(*command);  // no answer, and no end of the connection
            } else if (command->front() == "CLIENT" && command->at(1) == "ID") {
                session.write("-ERR unknown command\r\n");  // so that waits are of one second
            } else {
                session.write(healthy_answer(*command, session.number()));
            }
        }
    });
    Reports<int> woken;
    TestClient client(options_for(peer));
    client.run([&] { client.core().wait_list("a", [&] { woken.add(1); }); });
    EXPECT_EQ(waits.next(), (Words{"BLPOP", "a", "1"}));
    EXPECT_EQ(waits.next(), (Words{"BLPOP", "a", "1"})) << "on a new connection";
    woken.next();
    client.close();
}

// -- pub/sub ---------------------------------------------------------------------------------------------------------

std::string subscribed(const std::string& channel) { return "*3\r\n" + bulk("subscribe") + bulk(channel) + ":1\r\n"; }

TEST(PubSub, ListenersAreToldOfGapsAfterTheyAreSubscribedAgain) {
    Reports<std::string> reports;
    FakePeer peer([&](Session& session) {
        while (const auto command = session.command()) {
            if (command->front() != "SUBSCRIBE") {
                session.write(healthy_answer(*command, 0));
                continue;
            }
            reports.add("SUBSCRIBE " + command->at(1));
            session.write(subscribed(command->at(1)));
            session.write(bulks({"message", "news", "from " + std::to_string(session.number())}));
            if (session.number() < 2) {
                return;
            }
        }
    });
    TestClient client(options_for(peer));
    client.run([&] {
        client.core().listen(
            1, "news", {[&](std::string_view text) { reports.add(std::string(text)); }, [&] { reports.add("gap"); }},
            [&](const auto& result) { reports.add(result.ok() ? "ready" : "not ready"); });
    });
    // The connection for commands is one of the three, in no certain order.
    Words all;
    while (all.empty() || all.back() != "from 2") {
        all.push_back(reports.next());
    }
    ASSERT_GE(all.size(), 6U);
    EXPECT_EQ((Words{all.begin(), all.begin() + 2}), (Words{"SUBSCRIBE news", "ready"}));
    EXPECT_EQ((Words{all.end() - 3, all.end()}), (Words{"SUBSCRIBE news", "gap", "from 2"}));
    EXPECT_EQ(std::ranges::count(all, "ready"), 1);
    client.close();
}

TEST(PubSub, ARefusedSubscriptionIsAnError) {
    FakePeer peer([&](Session& session) {
        while (const auto command = session.command()) {
            if (command->front() == "SUBSCRIBE") {
                session.write("-NOPERM this user has no permissions to access one of the channels\r\n");
            } else {
                session.write(healthy_answer(*command, 0));
            }
        }
    });
    Reports<detail::Result<detail::Done>> ready;
    TestClient client(options_for(peer));
    client.run([&] { client.core().listen(1, "news", {}, [&](const auto& result) { ready.add(result); }); });
    const auto result = ready.next();
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.failure().code, errc::server);
    EXPECT_TRUE(contains(result.failure().message, "SUBSCRIBE to 'news'")) << result.failure().message;
}

TEST(PubSub, AQuietConnectionIsAskedForASignOfLifeAndDroppedWithoutOne) {
    Reports<std::string> reports;
    FakePeer peer([&](Session& session) {
        bool listening = false;
        while (const auto command = session.command()) {
            if (listening) {
                reports.add(command->front());
                continue;  // silence
            }
            if (command->front() == "SUBSCRIBE") {
                listening = true;
                session.write(subscribed(command->at(1)));
            } else {
                session.write(healthy_answer(*command, 0));
            }
        }
    });
    TestClient client(options_for(peer));
    client.run([&] { client.core().listen(1, "news", {{}, [&] { reports.add("gap"); }}, {}); });
    EXPECT_EQ(reports.next(), "PING");
    EXPECT_EQ(reports.next(), "gap");
    client.close();
}

}  // namespace
}  // namespace eventy::redis::test
