// Peers that hang up or fall silent at every step of a conversation.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "redis_client/client_fixture.hpp"
#include "redis_client/fake_peer.hpp"

namespace eventy::redis::test {
namespace {

/// A Redis that counts its steps over all connections (accept; for each command: read, half of the reply, the rest) and
/// at one of them does something else.
class SteppingRedis {
public:
    enum class Trouble { hang_up, fall_silent };
    SteppingRedis(int trouble_at, Trouble trouble)
        : trouble_at_(trouble_at), trouble_(trouble), peer_([this](Session& session) { tell(session); }) {}

    const FakePeer& peer() const { return peer_; }
    bool troubled() const { return troubled_; }
    void wait_for_trouble() { get(trouble_met_.get_future()); }
    /// For each connection the numbers that it echoed.
    std::vector<std::vector<int>> echoed() {
        const std::lock_guard lock(mutex_);
        return echoed_;
    }

private:
    struct Stop {};

    void step(Session& session) {
        if (steps_++ != trouble_at_) {
            return;
        }
        troubled_ = true;
        trouble_met_.set_value();
        if (trouble_ == Trouble::fall_silent) {
            session.wait_for_hang_up();
        }
        throw Stop{};
    }
    void tell(Session& session) {
        try {
            step(session);
            while (const auto command = session.command()) {
                step(session);
                note(*command, session.number());
                const auto reply = healthy_answer(*command, session.number());
                session.write(std::string_view(reply).substr(0, reply.size() / 2));
                step(session);
                session.write(std::string_view(reply).substr(reply.size() / 2));
                step(session);
            }
        } catch (Stop) {
        }
    }
    void note(const Words& command, int connection) {
        const std::lock_guard lock(mutex_);
        echoed_.resize(std::max(echoed_.size(), static_cast<std::size_t>(connection) + 1));
        if (command[0] == "ECHO") {
            echoed_[static_cast<std::size_t>(connection)].push_back(std::stoi(command[1]));
        }
    }

    int trouble_at_;
    Trouble trouble_;
    std::atomic<int> steps_{0};
    std::atomic<bool> troubled_{false};
    std::promise<void> trouble_met_;
    std::mutex mutex_;
    std::vector<std::vector<int>> echoed_;
    FakePeer peer_;
};

TEST(Cuts, AtEveryStepCommandsAreAnsweredOnceAndInOrder) {
    constexpr int count = 12;
    bool troubled = true;
    int cut_at = 0;
    for (; troubled; ++cut_at) {
        SteppingRedis redis(cut_at, SteppingRedis::Trouble::hang_up);
        Reports<int> answers;
        {
            TestClient client(with_login(redis.peer()));
            client.run([&] {
                for (int i = 0; i < count; ++i) {
                    client.core().send(make_command({"ECHO", std::to_string(i)}), {}, [&, i](const auto& result) {
                        answers.add(result.ok() && result.value().text == std::to_string(i) ? i : -1);
                    });
                }
            });
            for (int i = 0; i < count; ++i) {
                ASSERT_EQ(answers.next(), i) << "cut at step " << cut_at;
            }
        }
        EXPECT_EQ(answers.size(), 0U) << "cut at step " << cut_at;
        for (const auto& numbers : redis.echoed()) {
            EXPECT_TRUE(std::ranges::is_sorted(numbers)) << "cut at step " << cut_at;
            EXPECT_TRUE(std::ranges::adjacent_find(numbers) == numbers.end()) << "cut at step " << cut_at;
        }
        troubled = redis.troubled();
    }
    EXPECT_GT(cut_at, 40);
}

TEST(Cuts, ManyInARowOfManyCommands) {
    constexpr int count = 3000;
    std::mutex mutex;
    std::mt19937 random(7);
    FakePeer peer([&](Session& session) {
        while (const auto command = session.command()) {
            const auto reply = healthy_answer(*command, session.number());
            std::size_t length = reply.size();
            {
                const std::lock_guard lock(mutex);
                if (random() % 100 == 0) {
                    length = random() % length;
                }
            }
            session.write(std::string_view(reply).substr(0, length));
            if (length < reply.size()) {
                return;
            }
        }
    });
    Reports<std::string> answers;
    int sent = 0;
    std::function<void()> send_more;
    TestClient client(options_for(peer));
    send_more = [&] {
        for (int i = 0; i < 10 && sent < count; ++i) {
            const auto number = std::to_string(sent++);
            client.core().send(make_command({"ECHO", number}), {}, [&, number](const auto& result) {
                answers.add(result.ok() && result.value().text == number ? number : "wrong");
                if (std::stoi(number) % 10 == 9) {
                    send_more();
                }
            });
        }
    };
    client.run([&] { send_more(); });
    for (int i = 0; i < count; ++i) {
        ASSERT_EQ(answers.next(), std::to_string(i));
    }
    EXPECT_GT(peer.connections(), 10);
}

TEST(Cuts, ClosingReturnsAtWhateverStepThePeerHangs) {
    bool troubled = true;
    for (int at = 0; troubled; ++at) {
        SteppingRedis redis(at, SteppingRedis::Trouble::fall_silent);
        std::atomic<int> late_calls{0};
        std::atomic<bool> closed{false};
        Reports<int> done;
        TestClient client(with_login(redis.peer()));
        const auto answer = [&](const auto&) { late_calls += closed ? 1 : 0; };
        client.run([&] {
            client.core().send(make_command({"ECHO", "1"}), {}, answer);
            client.core().wait_ready({}, answer);
            client.core().wait_list("list", [&] { late_calls += closed ? 1 : 0; });
            client.core().listen(1, "channel", {}, answer);
            client.core().send(make_command({"ECHO", "2"}), {}, [&](const auto& result) {
                answer(result);
                done.add(1);
            });
        });
        if (at < 15) {
            redis.wait_for_trouble();
        } else {
            done.next();  // the trouble may be met by now, on any of the connections
        }
        client.close();
        closed = true;
        EXPECT_EQ(late_calls, 0);
        troubled = redis.troubled();
    }
}

TEST(Cuts, AClientMayBeDestroyedInItsOwnCallback) {
    FakePeer peer(be_healthy);
    detail::IoThread io;
    auto core = std::make_shared<std::unique_ptr<ClientCore>>(std::make_unique<ClientCore>(io, options_for(peer)));
    Reports<int> calls;
    io.post([&, core] {
        (*core)->send(make_command({"ECHO", "1"}), {}, [&, core](const auto&) {
            calls.add(1);
            core->reset();
            calls.add(2);
        });
        (*core)->send(make_command({"ECHO", "2"}), {}, [&](const auto&) { calls.add(3); });
    });
    EXPECT_EQ(calls.next(), 1);
    EXPECT_EQ(calls.next(), 2);
    std::promise<void> idle;
    io.post([&] { idle.set_value(); });
    get(idle.get_future());
    EXPECT_EQ(calls.size(), 0U);
}

TEST(Cuts, RepliesMayComeByteByByte) {
    FakePeer peer([](Session& session) {
        while (const auto command = session.command()) {
            session.write_byte_by_byte(healthy_answer(*command, session.number()));
        }
    });
    TestClient client(with_login(peer));
    std::vector<std::future<detail::Result<Reply>>> answers;
    for (int i = 0; i < 50; ++i) {
        answers.push_back(client.send({"ECHO", std::string(static_cast<std::size_t>(i), 'x')}));
    }
    for (std::size_t i = 0; i < 50; ++i) {
        EXPECT_EQ(get(std::move(answers[i])).value().text, std::string(i, 'x'));
    }
    EXPECT_EQ(peer.connections(), 1);
}

TEST(Cuts, TellReconnectBeforeAnythingNewerIsWritten) {
    Gate cut;
    FakePeer peer([&](Session& session) {
        if (session.number() == 0) {
            shake_hands(session);
            session.command();
            cut.pass();
            return;
        }
        be_healthy(session);
    });
    Reports<std::string> reports;
    TestClient client(options_for(peer));
    ASSERT_TRUE(client.wait_ready().ok());
    client.run([&] {
        client.core().on_reconnect(1, [&] { reports.add("reconnected"); });
        client.core().on_reconnect(2, [&] { reports.add("not any more"); });
        client.core().remove_on_reconnect(2);
        client.core().send(make_command({"ECHO", "1"}), {},
                           [&](const auto& result) { reports.add(result.value().text); });
    });
    cut.open();
    EXPECT_EQ(reports.next(), "reconnected");
    EXPECT_EQ(reports.next(), "1");
    EXPECT_EQ(reports.size(), 0U);
}

}  // namespace
}  // namespace eventy::redis::test
