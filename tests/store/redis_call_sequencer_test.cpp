// The rule by which each numbered call is applied once, against a model of Redis, of connections that are cut, of
// proxies that deliver late, and of clocks. No server.
#include "redis/call_sequencer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>

namespace eventy::redis {
namespace {

using Token = CallSequencer::Token;
using Number = CallSequencer::Number;
using Answer = CallSequencer::Answer;

std::function<std::string()> counted_ids() {
    return [count = 0]() mutable { return "client" + std::to_string(++count); };
}

std::vector<Number> numbers(const CallSequencer::Actions& actions) {
    std::vector<Number> all;
    for (const auto& send : actions.sends) {
        all.push_back(send.number);
    }
    return all;
}

TEST(CallSequencer, SendsInOrderAndKeepsFourOnTheWay) {
    CallSequencer sequencer(counted_ids());
    for (Token token = 1; token <= 6; ++token) {
        sequencer.submit(token);
    }
    const auto first = sequencer.next();
    EXPECT_EQ(numbers(first), (std::vector<Number>{1, 2, 3, 4}));
    EXPECT_EQ(first.sends[3].base, 1u);
    EXPECT_EQ(first.sends[0].client, "client1");
    EXPECT_TRUE(sequencer.next().sends.empty());
    sequencer.answered(1, Answer::final);
    sequencer.answered(2, Answer::final);
    const auto second = sequencer.next();
    EXPECT_EQ(numbers(second), (std::vector<Number>{5, 6}));
    EXPECT_EQ(second.sends[0].base, 3u);
}

TEST(CallSequencer, SendsAScriptsTextAndThenWhatCameBackWithAGap) {
    CallSequencer sequencer(counted_ids());
    for (Token token = 1; token <= 3; ++token) {
        sequencer.submit(token);
    }
    sequencer.next();
    sequencer.answered(1, Answer::unknown_script);
    const auto again = sequencer.next();
    ASSERT_EQ(numbers(again), std::vector<Number>{1});
    EXPECT_TRUE(again.sends[0].with_text);
    sequencer.answered(2, Answer::gap);
    EXPECT_FALSE(sequencer.next().sends.at(0).with_text);
    sequencer.answered(3, Answer::gap);
    EXPECT_EQ(numbers(sequencer.next()), std::vector<Number>{3});
}

TEST(CallSequencer, SendsAgainInOrderWhatCameTooLate) {
    CallSequencer sequencer(counted_ids());
    for (Token token = 1; token <= 3; ++token) {
        sequencer.submit(token);
    }
    sequencer.next();
    for (Token token = 1; token <= 3; ++token) {
        sequencer.answered(token, Answer::late);
    }
    const auto again = sequencer.next();
    EXPECT_EQ(numbers(again), (std::vector<Number>{1, 2, 3}));
    EXPECT_EQ(again.sends[2].base, 1u);
    EXPECT_EQ(again.sends[2].client, "client1") << "no reason to retire it: all of them go on";
    EXPECT_FALSE(again.retire);
}

TEST(CallSequencer, RetiresItsClientAfterACallThatWasGivenUp) {
    CallSequencer sequencer(counted_ids());
    for (Token token = 1; token <= 6; ++token) {
        sequencer.submit(token);
    }
    sequencer.next();
    sequencer.answered(2, Answer::given_up);
    const auto actions = sequencer.next();
    ASSERT_TRUE(actions.retire);
    EXPECT_EQ(actions.retire->numbers, (std::vector<Number>{1, 2, 3, 4}));
    sequencer.answered(1, Answer::final);
    sequencer.answered(3, Answer::gap);
    sequencer.answered(4, Answer::gap);
    EXPECT_TRUE(sequencer.next().sends.empty()) << "nothing more for the old client";
    // Late copies came through meanwhile: 2, which was given up, and 3.
    const auto applied = sequencer.retired({"r1", "r2", "r3", std::nullopt});
    ASSERT_EQ(applied.size(), 2u);
    EXPECT_EQ(applied[0].call, 2u);
    EXPECT_EQ(applied[1].call, 3u);
    EXPECT_EQ(applied[1].outcome, "r3");
    const auto rest = sequencer.next();
    ASSERT_EQ(rest.sends.size(), 3u);
    EXPECT_EQ(rest.sends[0].call, 4u);
    EXPECT_EQ(rest.sends[0].number, 1u);
    EXPECT_EQ(rest.sends[0].client, "client2");
    EXPECT_EQ(rest.sends[2].call, 6u);
}

TEST(CallSequencer, LetsTheRetirementSayWhatBecameOfAStaleCall) {
    CallSequencer sequencer(counted_ids());
    sequencer.submit(1);
    sequencer.submit(2);
    sequencer.next();
    sequencer.answered(1, Answer::stale);
    sequencer.answered(2, Answer::stale);
    ASSERT_TRUE(sequencer.next().retire);
    EXPECT_EQ(sequencer.retired({"r1", std::nullopt}).at(0).call, 1u);
    const auto rest = sequencer.next();
    ASSERT_EQ(rest.sends.size(), 1u);
    EXPECT_EQ(rest.sends[0].call, 2u);
}

TEST(CallSequencer, WithdrawsWhatWasNotSent) {
    CallSequencer sequencer(counted_ids());
    for (Token token = 1; token <= 6; ++token) {
        sequencer.submit(token);
    }
    sequencer.next();
    EXPECT_FALSE(sequencer.withdraw(4));
    EXPECT_TRUE(sequencer.withdraw(5));
    sequencer.answered(1, Answer::final);
    EXPECT_EQ(sequencer.next().sends.at(0).call, 6u);
}

TEST(CallSequencer, EndsWhatWasSentWhenTheClientCannotBeRetired) {
    CallSequencer sequencer(counted_ids());
    sequencer.submit(1);
    sequencer.submit(2);
    sequencer.next();
    sequencer.answered(1, Answer::given_up);
    sequencer.next();
    sequencer.answered(2, Answer::gap);
    EXPECT_EQ(sequencer.retire_failed(), std::vector<Token>{2});
    sequencer.submit(3);
    const auto actions = sequencer.next();
    ASSERT_EQ(actions.sends.size(), 1u);
    EXPECT_EQ(actions.sends[0].number, 1u);
    EXPECT_EQ(actions.sends[0].client, "client2");
}

// -- random histories ------------------------------------------------------------------------------------------------

// Seconds. A call is given up at its deadline, `longest_call` after it was made.
constexpr int record_ttl = 70, longest_call = 5, copies_live = record_ttl / 2, most_ahead = 30;

/// One message on a wire: a call or the end of a client.
struct Message {
    std::optional<CallSequencer::Send> send = {};
    std::optional<CallSequencer::Retire> retire = {};
    int not_after = 0;  // of a call, by the server's clock as the client knew it
};

/// scripts/shared/calls.lua and retire.lua.
class RedisModel {
public:
    struct Reply {
        Answer answer = Answer::final;
        std::vector<std::optional<std::string>> outcomes = {};
    };

    int now = 1'000;

    Reply apply(const Message& message) {
        std::erase_if(records_, [this](const auto& entry) { return entry.second.expires < now; });
        if (message.retire) {
            Record& record = records_[message.retire->client];
            record.expires = now + record_ttl;
            Reply reply;
            for (const Number number : message.retire->numbers) {
                const auto& [of, outcome] = record.slots[number % 8];
                reply.outcomes.push_back(of == number ? std::optional(outcome) : std::nullopt);
            }
            record.last = Number{1} << 53;
            record.there = true;
            return reply;
        }
        const CallSequencer::Send& call = *message.send;
        const int left = message.not_after - now;
        if (!call.with_text && !knows_script) {
            return {Answer::unknown_script};
        }
        knows_script = true;
        if (left < 0 || left > copies_live + most_ahead) {
            return {Answer::late};
        }
        if (fails_with_error.contains(call.call)) {
            return {Answer::given_up};
        }
        Record& record = records_[call.client];
        if (call.number <= record.last) {
            if (record.slots[call.number % 8].first != call.number) {
                return {Answer::stale};
            }
            record.expires = now + record_ttl;
            return {Answer::final};
        }
        if (call.number != std::max(record.last + 1, call.base)) {
            return {Answer::gap};
        }
        record = {true, call.number, record.slots, now + record_ttl};
        record.slots[call.number % 8] = {call.number, "outcome of " + std::to_string(call.call)};
        applied.push_back(call.call);
        return {Answer::final};
    }

    bool knows_script = false;
    std::set<Token> fails_with_error;
    std::vector<Token> applied;

private:
    struct Record {
        bool there = false;
        Number last = 0;
        std::map<Number, std::pair<Number, std::string>> slots = {};
        int expires = 0;
    };
    std::map<std::string, Record> records_;
};

/// A client's connection as ClientCore keeps it: answers in the order of sending; after a cut what was not answered is
/// sent again, in order, before anything newer.
class History {
public:
    explicit History(std::uint64_t seed) : random_(seed), sequencer_(counted_ids()) {
        constexpr int errors[] = {0, 0, -20, most_ahead, -1'000, 1'000};
        clock_error_ = errors[below(std::size(errors))];
    }

    void run() {
        const int calls = 1 + below(25);
        for (int i = 0; i < calls; ++i) {
            const Token token = ++last_token_;
            made_[token] = redis_.now;
            if (one_in(12)) {
                redis_.fails_with_error.insert(token);
            }
            sequencer_.submit(token);
            act();
            for (int steps = below(4); steps > 0; --steps) {
                step();
            }
        }
        for (int steps = 0; steps < 10'000 && ended_.size() < last_token_; ++steps) {
            step();
        }
        check();
    }

private:
    int below(int limit) { return static_cast<int>(random_() % static_cast<std::uint64_t>(limit)); }
    bool one_in(int count) { return below(count) == 0; }

    struct OnTheWay {
        Message message = {};
        bool arrived = false;  // applied; the reply is on its way back
        RedisModel::Reply reply = {};
        bool abandoned = false;
    };

    void act() {
        const auto actions = sequencer_.next();
        if (actions.retire) {
            pipeline_.push_back({Message{std::nullopt, actions.retire}});
        }
        for (const auto& send : actions.sends) {
            pipeline_.push_back({Message{send, std::nullopt, redis_.now + clock_error_ + copies_live}});
        }
    }

    void step() {
        switch (below(17)) {
            case 0: cut(); break;
            case 1: redis_.knows_script = false; break;
            case 2: give_up(); break;
            case 3: deliver_late(); break;
            case 4: pass(one_in(4) ? below(100) : below(3)); break;
            case 5:
            case 6:
            case 7: answer(); break;
            default:
                arrive();
                answer();
                break;
        }
    }

    /// The next message reaches Redis.
    void arrive() {
        for (OnTheWay& entry : pipeline_) {
            if (!entry.arrived) {
                entry.reply = redis_.apply(entry.message);
                entry.arrived = true;
                return;
            }
        }
    }

    /// The next reply reaches us.
    void answer() {
        if (pipeline_.empty() || !pipeline_.front().arrived) {
            return;
        }
        const OnTheWay entry = pipeline_.front();
        pipeline_.pop_front();
        if (entry.abandoned) {
            return;
        }
        if (entry.message.retire) {
            for (const auto& applied : sequencer_.retired(entry.reply.outcomes)) {
                end(applied.call, applied.outcome == "outcome of " + std::to_string(applied.call) ? 'o' : '?');
            }
        } else {
            const Token token = entry.message.send->call;
            if (entry.reply.answer == Answer::late) {
                clock_error_ = 0;  // the reply says the time
            }
            sequencer_.answered(token, entry.reply.answer);
            if (entry.reply.answer == Answer::final) {
                end(token, 'o');
            } else if (entry.reply.answer == Answer::given_up) {
                end(token, 'x');
            }
        }
        act();
    }

    /// The connection is lost. What had not arrived may do so at any time; all that is not answered is sent again.
    void cut() {
        std::deque<Message> drain;
        std::deque<OnTheWay> again;
        for (const OnTheWay& entry : pipeline_) {
            if (!entry.arrived) {
                drain.push_back(entry.message);
            }
            if (!entry.abandoned) {
                again.push_back({entry.message});
            }
        }
        late_.push_back(drain);
        pipeline_ = again;
    }

    /// An old connection's proxy delivers its next message. Nobody reads the reply.
    void deliver_late() {
        if (late_.empty()) {
            return;
        }
        auto& drain = late_[static_cast<std::size_t>(below(static_cast<int>(late_.size())))];
        if (!drain.empty()) {
            redis_.apply(drain.front());
            drain.pop_front();
        }
    }

    /// Somebody's patience is at its end.
    void give_up() {
        if (!one_in(4) || pipeline_.empty()) {
            return;
        }
        const OnTheWay& entry = pipeline_[static_cast<std::size_t>(below(static_cast<int>(pipeline_.size())))];
        if (!entry.message.retire && !entry.abandoned) {
            give_up(entry.message.send->call);
        }
    }
    void give_up(Token token) {
        end(token, 'x');
        if (!sequencer_.withdraw(token)) {
            for (OnTheWay& entry : pipeline_) {
                entry.abandoned = entry.abandoned || (entry.message.send && entry.message.send->call == token);
            }
            sequencer_.answered(token, Answer::given_up);
            act();
        }
    }

    /// Time passes, and so do deadlines, wherever their calls are.
    void pass(int seconds) {
        redis_.now += seconds;
        for (const auto& [token, made] : made_) {
            if (!ended_.contains(token) && redis_.now >= made + longest_call) {
                give_up(token);
            }
        }
    }

    void end(Token token, char how) {
        const auto [entry, fresh] = ended_.emplace(token, how);
        if (!fresh) {
            EXPECT_EQ(entry->second, 'x') << "answered twice: " << token;  // and then it came through
            EXPECT_EQ(how, 'o');
        }
    }

    void check() {
        for (auto& drain : late_) {
            while (!drain.empty()) {
                redis_.now += below(100);
                redis_.apply(drain.front());
                drain.pop_front();
            }
        }
        ASSERT_EQ(ended_.size(), last_token_) << "some call has no answer";
        std::map<Token, int> times;
        for (const Token token : redis_.applied) {
            ++times[token];
        }
        for (const auto& [token, how] : ended_) {
            EXPECT_LE(times[token], 1) << "applied twice: " << token;
            if (how != 'x') {
                EXPECT_EQ(how, 'o') << token;
                EXPECT_EQ(times[token], 1) << "answered, but not applied: " << token;
            }
        }
        EXPECT_TRUE(std::is_sorted(redis_.applied.begin(), redis_.applied.end())) << "out of order";
    }

    std::mt19937_64 random_;
    CallSequencer sequencer_;
    RedisModel redis_;
    std::deque<OnTheWay> pipeline_;
    std::vector<std::deque<Message>> late_;
    std::map<Token, char> ended_;
    std::map<Token, int> made_;
    int clock_error_ = 0;  // of what the client takes for the server's clock
    Token last_token_ = 0;
};

TEST(CallSequencer, RandomHistoriesApplyEachCallOnceAndInOrder) {
    for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
        SCOPED_TRACE("history of seed " + std::to_string(seed));
        History(seed).run();
        if (::testing::Test::HasFailure()) {
            return;
        }
    }
}

}  // namespace
}  // namespace eventy::redis
