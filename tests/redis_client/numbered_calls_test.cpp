// Numbered calls against a peer that answers as it likes: what their copies carry, and when they end.
#include <gtest/gtest.h>

#include <eventy/log.hpp>

#include "redis/redis_store.hpp"
#include "redis/scripts.hpp"
#include "redis_client/fake_peer.hpp"

namespace eventy::redis::test {
namespace {

using detail::PublishReply;
using detail::Result;
using detail::TakeReply;

// Of a publish: words before its arguments are EVALSHA, the hash, the number of keys and six keys.
constexpr std::size_t first_argument = 9;
std::int64_t record_ttl(const Words& publish) { return std::stoll(publish.at(first_argument + 2)); }
std::int64_t not_after(const Words& publish) { return std::stoll(publish.at(first_argument + 3)); }

std::string numbered(const std::string& state, const Words& rest = {}) {
    std::string reply = "*" + std::to_string(4 + rest.size()) + "\r\n" + bulk(state) + bulk("gen") + ":0\r\n:0\r\n";
    for (const std::string& item : rest) {
        reply += bulk(item);
    }
    return reply;
}

/// Publishes through a store whose only server is the peer.
class NumberedCallsTest : public ::testing::Test {
protected:
    NumberedCallsTest() {
        set_logger([](LogLevel, std::string_view) {});
    }
    ~NumberedCallsTest() override {
        close();
        set_logger(nullptr);
    }

    void open(const FakePeer& peer, ClientOptions options = {}) {
        close();
        options.port = peer.port();
        run([this, &options] {
            core_ = std::make_unique<ClientCore>(io_, options);
            store_ = std::make_unique<RedisStore>(io_, *core_, detail::QueueName{"shop", "Order"}, "the peer",
                                                  detail::StoreSettings{}, RedisStore::Limits{});
        });
        auto ready = std::make_shared<std::promise<void>>();
        run([&] { core_->wait_ready({}, [ready](const auto&) { ready->set_value(); }); });
        get(ready->get_future());
    }

    /// All in one go; the answers in their order.
    std::vector<std::future<Result<PublishReply>>> publish(const std::vector<detail::Deadline>& deadlines) {
        std::vector<std::future<Result<PublishReply>>> answers;
        run([&] {
            for (const detail::Deadline deadline : deadlines) {
                auto promise = std::make_shared<std::promise<Result<PublishReply>>>();
                answers.push_back(promise->get_future());
                store_->publish({{{"payload"}}, std::chrono::hours(1), "w"}, deadline,
                                [promise](auto result) { promise->set_value(std::move(result)); });
            }
        });
        return answers;
    }
    /// A publish and, behind it, a take by "w" for the group "g".
    std::pair<Result<PublishReply>, Result<TakeReply>> publish_and_take() {
        const auto published = std::make_shared<std::promise<Result<PublishReply>>>();
        const auto taken = std::make_shared<std::promise<Result<TakeReply>>>();
        run([&] {
            store_->publish({{{"payload"}}, std::chrono::hours(1), "w"}, {},
                            [published](auto result) { published->set_value(std::move(result)); });
            detail::TakeRequest request;
            request.group = "g";
            request.max = 2;
            request.worker_id = "w";
            store_->take(std::move(request), [taken](auto result) { taken->set_value(std::move(result)); });
        });
        auto first = get(published->get_future());
        return {std::move(first), get(taken->get_future())};
    }
    Result<PublishReply> publish_one() { return get(std::move(publish({detail::Deadline()}).front())); }

    /// Answers the handshake and the sweeps; each publish and retirement is reported, and answered as `answer` says, or
    /// not at all.
    FakePeer::Story story(const std::function<std::string(const Words&)>& answer, const std::string& time) {
        return [this, answer, time](Session& session) {
            while (const auto command = session.command()) {
                if (command->at(0) == "TIME") {
                    session.write(time);
                } else if (command->at(0) != "EVALSHA") {
                    session.write(healthy_answer(*command, session.number()));
                } else if (command->at(1) == scripts::sweep.sha) {
                    session.write("*4\r\n" + bulk("gen") + ":0\r\n:0\r\n:0\r\n");
                } else {
                    calls_.add(*command);
                    session.write(answer(*command));
                }
            }
        };
    }

    Reports<Words> calls_;

private:
    void close() {
        run([this] {
            store_.reset();
            core_.reset();
        });
    }
    template <class F>
    void run(F function) {
        auto promise = std::make_shared<std::promise<void>>();
        io_.post([&function, promise] {
            function();
            promise->set_value();
        });
        get(promise->get_future());
    }

    detail::IoThread io_;
    std::unique_ptr<ClientCore> core_;
    std::unique_ptr<RedisStore> store_;
};

constexpr std::int64_t server_time = 1'517'966'801'030;  // of fake_peer's TIME, ms
constexpr std::int64_t while_testing = 30'000;
const std::string time_reply = "*2\r\n$10\r\n1517966801\r\n$5\r\n30000\r\n";
const std::string done_reply = numbered("OK", {"1 1517966801030000"});

TEST_F(NumberedCallsTest, ACopyCountsForHalfTheTtlOfTheRecord) {
    const FakePeer peer(story([](const Words&) { return done_reply; }, time_reply));
    open(peer);
    EXPECT_TRUE(publish_one().ok());
    const Words call = calls_.next();
    EXPECT_EQ(record_ttl(call), 70'000);
    EXPECT_GE(not_after(call), server_time + 35'000);
    EXPECT_LE(not_after(call), server_time + 35'000 + while_testing);
}

TEST_F(NumberedCallsTest, TheRecordOutlivesTheLongestCall) {
    const FakePeer peer(story([](const Words&) { return done_reply; }, time_reply));
    ClientOptions options;
    options.command_timeout = std::chrono::minutes(2);
    open(peer, options);
    EXPECT_TRUE(publish_one().ok());
    const Words call = calls_.next();
    EXPECT_EQ(record_ttl(call), 300'000);
    EXPECT_GE(not_after(call), server_time + 150'000);
    EXPECT_LE(not_after(call), server_time + 150'000 + while_testing);
}

TEST_F(NumberedCallsTest, WhoDoesNotKnowTheTimeLearnsItFromARefusedCopy) {
    constexpr std::int64_t its_time = 9'000'000'000'000;
    const auto answer = [](const Words& call) {
        return not_after(call) == 0 ? numbered("LATE", {std::to_string(its_time)}) : done_reply;
    };
    const FakePeer peer(story(answer, "-NOPERM this user has no permissions to run the 'time' command\r\n"));
    open(peer);
    EXPECT_TRUE(publish_one().ok());
    EXPECT_TRUE(publish_one().ok());
    EXPECT_EQ(not_after(calls_.next()), 0);
    for (int call = 0; call < 2; ++call) {
        const std::int64_t known = not_after(calls_.next());
        EXPECT_GE(known, its_time + 35'000);
        EXPECT_LE(known, its_time + 35'000 + while_testing);
    }
    EXPECT_EQ(calls_.size(), 0u) << "the second call needed one copy";
}

TEST_F(NumberedCallsTest, AClockThatIsSetIsFollowed) {
    // Set forward by an hour, and back by two.
    const auto its_time = std::make_shared<std::atomic<std::int64_t>>(server_time + 3'600'000);
    const auto answer = [its_time](const Words& call) {
        const std::int64_t left = not_after(call) - *its_time;
        return left < 0 || left > 65'000 ? numbered("LATE", {std::to_string(*its_time)}) : done_reply;
    };
    const FakePeer peer(story(answer, time_reply));
    open(peer);
    EXPECT_TRUE(publish_one().ok());
    EXPECT_EQ(calls_.size(), 2u);
    *its_time -= 7'200'000;
    EXPECT_TRUE(publish_one().ok());
    EXPECT_EQ(calls_.size(), 4u);
    EXPECT_TRUE(publish_one().ok());
    EXPECT_EQ(calls_.size(), 5u);
}

TEST_F(NumberedCallsTest, AClockThatLeapsEachTimeIsNoEndlessLoop) {
    const auto answer = [](const Words& call) {
        return call.at(1) == scripts::retire.sha ? "*1\r\n$-1\r\n" : numbered("LATE", {std::to_string(server_time)});
    };
    const FakePeer peer(story(answer, time_reply));
    open(peer);
    const auto result = publish_one();
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.failure().code, errc::server);
    EXPECT_FALSE(result.failure().not_done);
    EXPECT_TRUE(contains(result.failure().message, "publish at the peer: 5 copies in a row came too late"))
        << result.failure().message;
}

TEST_F(NumberedCallsTest, ARefusedCopyThatDoesNotSayTheTimeEndsTheCall) {
    for (const std::string& what : {numbered("LATE"), numbered("LATE", {"now"}),
                                    numbered("LATE", {"99999999999999999999"}), numbered("LATE", {"-1"})}) {
        const auto answer = [what](const Words& call) {
            return call.at(1) == scripts::retire.sha ? "*1\r\n$-1\r\n" : what;
        };
        const FakePeer peer(story(answer, time_reply));
        open(peer);
        const auto result = publish_one();
        ASSERT_FALSE(result.ok()) << what;
        EXPECT_TRUE(contains(result.failure().message, "its answer is none that this script gives")) << what;
    }
}

TEST_F(NumberedCallsTest, ACallThatWaitsForARetirementEndsAtItsDeadline) {
    // The first call fails, so the second is not applied under this client id, whose end is never answered.
    const auto answer = [](const Words& call) -> std::string {
        if (call.at(1) == scripts::retire.sha) {
            return {};
        }
        return call.at(first_argument) == "1" ? "-ERR no\r\n" : numbered("GAP");
    };
    const FakePeer peer(story(answer, time_reply));
    open(peer);
    auto answers = publish({detail::Deadline(), in(std::chrono::milliseconds(50))});
    const auto first = get(std::move(answers[0])), second = get(std::move(answers[1]));
    ASSERT_FALSE(first.ok());
    EXPECT_EQ(first.failure().code, errc::server);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.failure().code, errc::timeout);
    EXPECT_FALSE(second.failure().not_done)
        << "a copy on an old connection may have been applied, for all that is known";
}

// The arguments of the settlement that hands back 5 and 6, of epoch 7.
bool hands_back(const Words& call) {
    constexpr std::size_t keys = 11, group = 3 + keys + 4, leases = group + 5;
    const Words expected = {"2", "5", "7", "b", "0", "0", "6", "7", "b", "0", "0"};
    return call.at(1) == scripts::settle.sha && call.at(group) == "g" && call.at(group + 1) == "w" &&
           Words(call.begin() + leases, call.end()) == expected;
}

TEST_F(NumberedCallsTest, WhatALostTakeHadLeasedIsHandedBack) {
    // The publish fails, so the client id is retired; a copy of that on an old connection overtook the take, which had
    // been applied by another copy.
    const auto answer = [](const Words& call) -> std::string {
        return call.at(1) == scripts::publish.sha  ? "-ERR no\r\n"
               : call.at(1) == scripts::take.sha   ? numbered("STALE")
               : call.at(1) == scripts::retire.sha ? "*2\r\n$-1\r\n" + bulk("7 5 6")
                                                   : numbered("OK", {"11"});
    };
    const FakePeer peer(story(answer, time_reply));
    open(peer);
    const auto [published, taken] = publish_and_take();
    EXPECT_FALSE(published.ok());
    ASSERT_TRUE(taken.ok());
    EXPECT_TRUE(taken.value().events.empty());
    EXPECT_TRUE(taken.value().more);
    for (const auto* const script : {&scripts::publish, &scripts::take, &scripts::retire}) {
        EXPECT_EQ(calls_.next().at(1), script->sha);
    }
    EXPECT_TRUE(hands_back(calls_.next()));
}

TEST_F(NumberedCallsTest, WhatAFailedTakeHadLeasedIsHandedBack) {
    const auto answer = [](const Words& call) -> std::string {
        return call.at(1) == scripts::publish.sha  ? done_reply
               : call.at(1) == scripts::take.sha   ? "-ERR no\r\n"
               : call.at(1) == scripts::retire.sha ? "*1\r\n" + bulk("7 5 6")
                                                   : numbered("OK", {"11"});
    };
    const FakePeer peer(story(answer, time_reply));
    open(peer);
    const auto [published, taken] = publish_and_take();
    EXPECT_TRUE(published.ok());
    EXPECT_FALSE(taken.ok());
    for (const auto* const script : {&scripts::publish, &scripts::take, &scripts::retire}) {
        EXPECT_EQ(calls_.next().at(1), script->sha);
    }
    EXPECT_TRUE(hands_back(calls_.next()));
}

}  // namespace
}  // namespace eventy::redis::test
