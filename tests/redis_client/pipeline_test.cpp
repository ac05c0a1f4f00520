#include "redis/client/pipeline.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "redis/client/backoff.hpp"
#include "redis/client/error_reply.hpp"
#include "redis/client/wait_plan.hpp"
#include "redis_client/replies.hpp"

namespace eventy::redis {
namespace {

using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

const Pipeline::TimePoint start{};

/// A pipeline whose commands are single letters, and what became of them: "a=reply", "b!" for ended without.
class PipelineTest : public ::testing::Test {
protected:
    void push(const std::string& name, std::optional<Pipeline::TimePoint> deadline = {},
              Pipeline::Resend resend = Pipeline::Resend::yes) {
        pipeline.push(
            {name, name, ""}, deadline,
            [this, name](const detail::Result<Reply>& result) {
                outcomes.push_back(name + (result.ok() ? "=" + result.value().text : "!"));
            },
            resend);
    }
    std::string write(std::size_t limit = 1000) {
        std::string out;
        pipeline.write(out, limit);
        return out;
    }
    /// False: the connection has to go.
    bool answer(const Reply& reply) {
        const auto answer = pipeline.answered(reply);
        if (!answer || answer->resend) {
            return false;
        }
        if (answer->done) {
            answer->done(reply);
        }
        return true;
    }
    static Strings names(const std::vector<Pipeline::Ended>& ended) {
        Strings result;
        for (const auto& one : ended) {
            result.push_back(one.command.name + (one.written ? " written" : ""));
        }
        return result;
    }

    Pipeline pipeline;
    Strings outcomes;
};

TEST_F(PipelineTest, WritesInOrderAndMatchesRepliesInOrder) {
    push("a");
    push("b");
    EXPECT_EQ(write(), "ab");
    EXPECT_FALSE(pipeline.has_waiting());
    push("c");
    EXPECT_TRUE(pipeline.has_waiting());
    EXPECT_EQ(pipeline.unanswered(), 2U);
    EXPECT_TRUE(answer(text("1")));
    EXPECT_EQ(write(), "c");
    EXPECT_TRUE(answer(text("2")));
    EXPECT_TRUE(answer(error("ERR three")));
    EXPECT_EQ(outcomes, (Strings{"a=1", "b=2", "c=ERR three"}));
    EXPECT_EQ(pipeline.unanswered(), 0U);
}

TEST_F(PipelineTest, KnowsWhatMayHaveBeenApplied) {
    push("a", start + 1s);
    push("b", start + 1s);
    push("c", start + 1s);
    push("d", start + 1s);
    EXPECT_EQ(write(2), "ab");
    EXPECT_FALSE(answer(error("READONLY a was not applied, of b nothing is known")));
    EXPECT_TRUE(pipeline.lost().empty());
    EXPECT_EQ(names(pipeline.end_due(start + 1s)), (Strings{"a", "b written", "c", "d"}));
}

TEST_F(PipelineTest, WhatWasLostOnceStaysInDoubtWhateverIsSaidOfItsCopies) {
    push("a", start + 1s);
    EXPECT_EQ(write(), "a");
    EXPECT_TRUE(pipeline.lost().empty());
    EXPECT_EQ(write(), "a");
    EXPECT_FALSE(answer(error("LOADING x")));
    EXPECT_TRUE(pipeline.lost().empty());
    EXPECT_EQ(names(pipeline.end_all()), (Strings{"a written"}));
}

TEST(AskToResend, AlsoInsideAScriptOfAnOlderServer) {
    for (const auto* const text :
         {"LOADING x", "BUSY x", "READONLY x", "MASTERDOWN x", "TRYAGAIN x", "CLUSTERDOWN x", "NOREPLICAS x",
          "NOAUTH x", "READONLY You can't write against a read only replica. script: 24c6, on @user_script:1.",
          "ERR Error running script (call to f_24c6): @user_script:1: @user_script: 1: -READONLY You can't write"}) {
        EXPECT_TRUE(asks_to_resend(error(text))) << text;
    }
    for (const auto* const not_text :
         {"BUSYGROUP x", "BUSYKEY x", "NOSCRIPT x", "OOM x", "WRONGTYPE x", "NOPERM x", "MISCONF x",
          "ERR x: -READONLY x",
          "ERR Error running script (call to f_24c6): @user_script:1: user_script:1: my own words",
          "ERR Error running script (call to f_24c6): @user_script:1: @user_script: 1: -OOM command not allowed"}) {
        EXPECT_FALSE(asks_to_resend(error(not_text))) << not_text;
    }
    EXPECT_FALSE(asks_to_resend(text("READONLY x")));
}

TEST_F(PipelineTest, WritesUpToTheLimit) {
    push("aaaa");
    push("bbbb");
    push("cccc");
    EXPECT_EQ(write(5), "aaaabbbb");
    EXPECT_EQ(write(5), "cccc");
    EXPECT_EQ(write(5), "");
}

TEST_F(PipelineTest, AReplyToNothingIsOutOfStep) {
    push("a");
    EXPECT_FALSE(pipeline.answered(text("1")));
    write();
    EXPECT_TRUE(answer(text("1")));
    EXPECT_FALSE(pipeline.answered(text("2")));
}

TEST_F(PipelineTest, AfterALossTheUnansweredComeFirst) {
    push("a");
    push("b");
    push("c");
    write(2);
    EXPECT_TRUE(answer(text("1")));
    push("d");
    EXPECT_TRUE(pipeline.lost().empty());
    EXPECT_EQ(pipeline.unanswered(), 0U);
    EXPECT_EQ(write(), "bcd");
    EXPECT_TRUE(pipeline.lost().empty());
    EXPECT_TRUE(pipeline.lost().empty());
    EXPECT_EQ(write(), "bcd");
}

TEST_F(PipelineTest, WhatMustNotBeSentTwiceEndsWithTheConnection) {
    push("a");
    push("b", {}, Pipeline::Resend::no);
    push("c");
    EXPECT_EQ(write(2), "ab");
    push("d", {}, Pipeline::Resend::no);
    EXPECT_EQ(names(pipeline.lost()), (Strings{"b written"}));
    EXPECT_EQ(write(), "acd");
}

TEST_F(PipelineTest, GivenUpBeforeItIsWrittenItIsRemoved) {
    push("a", start + 1s);
    push("b", start + 3s);
    push("c", start + 1s);
    push("d");
    EXPECT_TRUE(pipeline.end_due(start + 999ms).empty());
    EXPECT_EQ(names(pipeline.end_due(start + 1s)), (Strings{"a", "c"}));
    EXPECT_EQ(pipeline.next_deadline(), start + 3s);
    EXPECT_EQ(write(), "bd");
}

TEST_F(PipelineTest, GivenUpAfterItWasWrittenItsReplyIsConsumed) {
    push("a", start + 1s);
    push("b");
    write();
    EXPECT_EQ(names(pipeline.end_due(start + 1s)), (Strings{"a written"}));
    EXPECT_EQ(pipeline.unanswered(), 2U);
    EXPECT_TRUE(answer(text("1")));
    EXPECT_TRUE(answer(text("2")));
    EXPECT_EQ(outcomes, (Strings{"b=2"}));
}

TEST_F(PipelineTest, TheAbandonedAreNotSentAgain) {
    push("a", start + 1s);
    push("b");
    write();
    pipeline.end_due(start + 1s);
    pipeline.lost();
    EXPECT_EQ(write(), "b");
    EXPECT_TRUE(answer(text("2")));
    EXPECT_EQ(outcomes, (Strings{"b=2"}));
}

TEST_F(PipelineTest, ADeadlineMayPassTwiceOverAReconnect) {
    push("a", start + 1s);
    write();
    pipeline.lost();
    EXPECT_EQ(names(pipeline.end_due(start + 2s)), (Strings{"a written"}));
    EXPECT_TRUE(pipeline.end_due(start + 3s).empty());
    EXPECT_FALSE(pipeline.has_waiting());
    EXPECT_FALSE(pipeline.next_deadline());
}

TEST_F(PipelineTest, NotNowIsNoAnswer) {
    for (const auto* const code :
         {"LOADING x", "MASTERDOWN x", "READONLY x", "BUSY x", "TRYAGAIN x", "CLUSTERDOWN x", "NOAUTH x"}) {
        Pipeline one;
        one.push({"a", "a", ""}, {}, [](const auto&) {});
        one.push({"b", "b", ""}, {}, [](const auto&) {});
        std::string out;
        one.write(out, 1000);
        const auto answer = one.answered(error(code));
        ASSERT_TRUE(answer);
        EXPECT_TRUE(answer->resend) << code;
        one.lost();
        out.clear();
        one.write(out, 1000);
        EXPECT_EQ(out, "ab") << code;
    }
    for (const auto* const code :
         {"WRONGTYPE x", "OOM x", "NOSCRIPT x", "ERR BUSY", "BUSYKEY x", "BUSYGROUP x", "NOPERM x"}) {
        push("a");
        write();
        EXPECT_TRUE(answer(error(code))) << code;
    }
}

TEST_F(PipelineTest, AnUnreadableReplyEndsItsCommandOnly) {
    push("a");
    push("b");
    write();
    const auto ended = pipeline.end_oldest();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->command.name, "a");
    pipeline.lost();
    EXPECT_EQ(write(), "b");
    EXPECT_TRUE(answer(text("2")));
    EXPECT_FALSE(pipeline.end_oldest());
}

TEST_F(PipelineTest, EndsAllInOrder) {
    push("a", start + 1s);
    push("b");
    write();
    push("c");
    pipeline.end_due(start + 1s);
    pipeline.lost();
    EXPECT_EQ(names(pipeline.end_all()), (Strings{"b written", "c"}));
    EXPECT_FALSE(pipeline.has_waiting());
}

// Random histories against a server that applies what it is sent: every command ends exactly once, those with an answer
// get their own, answers come in the order of sending, and what was resent was never in front of something older.
TEST(PipelineHistories, EveryCommandEndsOnceWithItsOwnReply) {
    for (unsigned seed = 0; seed < 300; ++seed) {
        std::mt19937 random(seed);
        Pipeline pipeline;
        std::map<int, int> ends;
        int last_answered = -1;
        int pushed = 0;
        std::deque<int> wire;  // what the server has read and will answer, one byte-string "n," each
        auto now = start;
        const auto end = [&](const std::vector<Pipeline::Ended>& ended) {
            for (const auto& one : ended) {
                ++ends[std::stoi(one.command.name)];
            }
        };
        for (int step = 0; step < 400; ++step) {
            switch (random() % 8) {
                case 0:
                case 1:
                case 2: {
                    const int number = pushed++;
                    const auto deadline = random() % 3 == 0
                                              ? std::optional(now + std::chrono::milliseconds(random() % 50))
                                              : std::nullopt;
                    pipeline.push(
                        {std::to_string(number) + ",", std::to_string(number), ""}, deadline,
                        [&, number](const detail::Result<Reply>& result) {
                            ++ends[number];
                            EXPECT_EQ(result.value().integer, number);
                            EXPECT_GT(number, last_answered);
                            last_answered = number;
                        },
                        random() % 8 == 0 ? Pipeline::Resend::no : Pipeline::Resend::yes);
                    break;
                }
                case 3: {
                    std::string out;
                    pipeline.write(out, random() % 20);
                    for (std::size_t at = 0; at < out.size(); at = out.find(',', at) + 1) {
                        wire.push_back(std::stoi(out.substr(at)));
                    }
                    EXPECT_TRUE(std::is_sorted(wire.begin(), wire.end()));
                    break;
                }
                case 4:
                case 5:
                    if (!wire.empty()) {
                        Reply reply{Reply::Kind::integer, "", wire.front(), {}};
                        wire.pop_front();
                        const auto answer = pipeline.answered(reply);
                        ASSERT_TRUE(answer);
                        if (answer->done) {
                            answer->done(reply);
                        }
                    }
                    break;
                case 6:
                    now += std::chrono::milliseconds(random() % 20);
                    end(pipeline.end_due(now));
                    break;
                default:
                    if (random() % 4 == 0) {
                        end(pipeline.lost());
                        wire.clear();
                    }
            }
            ASSERT_EQ(pipeline.unanswered(), wire.size());
        }
        end(pipeline.lost());
        end(pipeline.end_all());
        ASSERT_EQ(static_cast<int>(ends.size()), pushed);
        for (const auto& [number, times] : ends) {
            ASSERT_EQ(times, 1) << "seed " << seed << ", command " << number;
        }
    }
}

TEST(Backoff, DoublesUpToTheLongestAndIsSpread) {
    EXPECT_EQ(backoff(1, 0.0), 5ms);
    EXPECT_EQ(backoff(1, 1.0), 10ms);
    EXPECT_EQ(backoff(2, 0.0), 10ms);
    EXPECT_EQ(backoff(3, 0.5), 30ms);
    EXPECT_EQ(backoff(0, 0.0), 5ms);
    for (int failures = 1; failures < 100; ++failures) {
        for (const double random : {0.0, 0.3, 0.999}) {
            EXPECT_GE(backoff(failures, random), 5ms);
            EXPECT_LE(backoff(failures, random), 400ms);
            EXPECT_LE(backoff(failures, random), backoff(failures + 1, random));
        }
    }
    EXPECT_EQ(backoff(1'000'000'000, 1.0), longest_backoff);
    EXPECT_EQ(slow_backoff(0.0), 500ms);
    EXPECT_EQ(slow_backoff(1.0), 1s);
}

TEST(WaitPlan, AsksForAllKeysAndTurnsThem) {
    WaitPlan plan;
    EXPECT_TRUE(plan.begin().empty());
    plan.add("a");
    plan.add("b");
    plan.add("c");
    EXPECT_EQ(plan.begin(), (Strings{"a", "b", "c"}));
    EXPECT_TRUE(plan.is_blocked());
    EXPECT_TRUE(plan.begin().empty());
    plan.ended();
    EXPECT_EQ(plan.begin(), (Strings{"b", "c", "a"}));
    plan.ended();
    EXPECT_EQ(plan.begin(), (Strings{"c", "a", "b"}));
}

TEST(WaitPlan, BreaksOffForANewKeyOnly) {
    WaitPlan plan;
    plan.add("a");
    plan.add("b");
    EXPECT_FALSE(plan.lacks_a_key());
    plan.begin();
    EXPECT_FALSE(plan.lacks_a_key());
    plan.remove("a");
    EXPECT_FALSE(plan.lacks_a_key());
    EXPECT_FALSE(plan.is_wanted("a"));
    plan.add("a");
    EXPECT_FALSE(plan.lacks_a_key());
    plan.add("c");
    EXPECT_TRUE(plan.lacks_a_key());
    plan.ended();
    EXPECT_FALSE(plan.lacks_a_key());
    plan.remove("b");
    EXPECT_EQ(plan.begin().size(), 2U);
    plan.remove("a");
    plan.remove("c");
    EXPECT_FALSE(plan.wants_any());
    plan.ended();
    EXPECT_TRUE(plan.begin().empty());
}

}  // namespace
}  // namespace eventy::redis
