// Calls that are sent more than once are applied once (histories A10, A11), and what a client does about it.
#include <algorithm>
#include <set>

#include "store/numbered_scripts.hpp"

namespace eventy::test {
namespace {

class RedisCalls : public NumberedScripts {
protected:
    using NumberedScripts::NumberedScripts;

    /// Starts publishes of one event each, `count` of them, and returns when all have their answer: the ids in the
    /// order of the calls, 0 where it failed. `meanwhile` runs when they have been started.
    std::vector<EventId> publish_many(Session& session, int count, const std::function<void()>& meanwhile,
                                      Deadline deadline = {}) {
        const auto ids = std::make_shared<std::vector<EventId>>(static_cast<std::size_t>(count), -1);
        const auto answers = std::make_shared<Counter>();
        session.run([&](Store& store) {
            for (int i = 0; i < count; ++i) {
                store.publish({{{std::to_string(i)}}, long_ttl, "w"}, deadline,
                              [ids, answers, i](const Result<PublishReply>& result) {
                                  (*ids)[static_cast<std::size_t>(i)] = result.ok() ? result.value().first_id : 0;
                                  answers->add();
                              });
            }
        });
        meanwhile();
        EXPECT_TRUE(answers->wait_for(count)) << "no answer to some of them";
        return *ids;
    }

    void expect_each_once(const std::vector<EventId>& ids) {
        EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end())) << "not in the order of calling";
        EXPECT_EQ(std::set<EventId>(ids.begin(), ids.end()).size(), ids.size()) << "an id was given twice";
        EXPECT_EQ(events(), static_cast<std::int64_t>(ids.size()));
        for (std::size_t i = 0; i < ids.size(); ++i) {
            ASSERT_EQ(redis({"HGET", event_key(ids[i]), "payload"}).text, std::to_string(i));
        }
    }
};

// -- the record ------------------------------------------------------------------------------------------------------
TEST_F(RedisCalls, APublishThatIsSentAgainGetsItsFirstOutcome) {
    const RedisValue first = publish_call(1, 1, {"a", "b"});
    EXPECT_EQ(state(first), "OK");
    const RedisValue again = publish_call(1, 1, {"a", "b"});
    EXPECT_EQ(state(again), "AGAIN");
    EXPECT_EQ(first.items.at(4).text.substr(0, 2), "1 ");
    EXPECT_EQ(again.items.at(4).text, first.items.at(4).text);
    EXPECT_EQ(events(), 2);
    EXPECT_EQ(redis({"GET", keys().counter}).text, "2");
}

TEST_F(RedisCalls, ALateCopyIsNeverPublishedAgain) {
    for (int number = 1; number <= 12; ++number) {
        ASSERT_EQ(state(publish_call(number, number, {std::to_string(number)})), "OK");
    }
    for (int number = 1; number <= 12; ++number) {
        EXPECT_EQ(state(publish_call(number, number, {"again"})), number <= 4 ? "STALE" : "AGAIN") << number;
    }
    EXPECT_EQ(events(), 12);
}

TEST_F(RedisCalls, ACallBeforeItsTurnIsAGapAndChangesNothing) {
    publish_call(1, 1, {"a"});
    const auto before = contents();
    EXPECT_EQ(state(publish_call(3, 2, {"c"})), "GAP");
    EXPECT_EQ(state(publish_call(2, 1, {"x"}, "another client")), "GAP") << "no record, but an earlier call is open";
    EXPECT_EQ(contents(), before);
    EXPECT_EQ(state(publish_call(2, 2, {"b"})), "OK");
    EXPECT_EQ(state(publish_call(3, 2, {"c"})), "OK");
}

TEST_F(RedisCalls, ALostRecordDoesNotStopAClient) {
    publish_call(1, 1, {"a"});
    publish_call(2, 2, {"b"});
    redis({"DEL", record()});
    const RedisValue next = publish_call(3, 3, {"c"});
    EXPECT_EQ(state(next), "OK");
    EXPECT_EQ(next.items.at(3).integer, 0) << "it may just have expired";
}

TEST_F(RedisCalls, ARollbackIsSaidAndGoneOverWith) {
    publish_call(1, 1, {"a"});
    publish_call(2, 2, {"b"});
    redis({"HSET", record(), "last", "1"});  // as after a failover that lost the last writes
    const RedisValue next = publish_call(4, 4, {"d"});
    EXPECT_EQ(state(next), "OK");
    EXPECT_EQ(next.items.at(3).integer, 1);
}

TEST_F(RedisCalls, TheRecordHasATtl) {
    publish_call(1, 1, {"a"});
    EXPECT_GT(redis({"PTTL", record()}).integer, 60'000);
    EXPECT_LE(redis({"PTTL", record()}).integer, 70'000);
    EXPECT_LE(redis({"HLEN", record()}).integer, 9);
    redis({"PEXPIRE", record(), "30000"});
    EXPECT_EQ(state(publish_call(1, 1, {"a"})), "AGAIN");
    EXPECT_GT(redis({"PTTL", record()}).integer, 60'000) << "its copies end half a TTL after the last was sent";
}

TEST_F(RedisCalls, ATakeThatIsSentAgainReturnsWhatItStillHolds) {
    publish_call(1, 1, {"a", "b", "c", "d"});
    const RedisValue first = take_call(2, 2, 3);
    ASSERT_EQ(taken_ids(first), (std::vector<std::string>{"1", "2", "3"}));
    const RedisValue again = take_call(2, 2, 3);
    EXPECT_EQ(state(again), "AGAIN");
    EXPECT_EQ(taken_ids(again), taken_ids(first));
    EXPECT_EQ(again.items.at(4).integer, first.items.at(4).integer) << "the same epoch";
    EXPECT_EQ(again.items.at(5).integer, 1) << "4 can still be taken";
    EXPECT_EQ(redis({"ZCARD", group().leases}).integer, 3) << "nothing was leased anew";

    const std::string epoch = std::to_string(first.items.at(4).integer);
    settle_call(3, 3, "2", epoch);
    EXPECT_EQ(taken_ids(take_call(2, 2, 3)), (std::vector<std::string>{"1", "3"}));
}

TEST_F(RedisCalls, ATakeThatIsSentAgainLeavesOutWhatAnotherWorkerHoldsByNow) {
    publish_call(1, 1, {"a", "b", "c"});
    ASSERT_EQ(taken_ids(take_call(2, 2, 3)), (std::vector<std::string>{"1", "2", "3"}));
    const auto other = open();
    redis({"ZADD", group().leases, "0", "2"});  // ran out
    ASSERT_EQ(ids_of(other->take(1).events), std::vector<EventId>{2});
    EXPECT_EQ(taken_ids(take_call(2, 2, 3)), (std::vector<std::string>{"1", "3"}));
}

TEST_F(RedisCalls, ATakeThatIsSentAgainStillSaysThatItsEventIsToBeRunAlone) {
    publish_call(1, 1, {"a"});
    for (int number = 2; number <= 4; ++number) {
        const RedisValue taken = take_call(number, number, 3);
        ASSERT_EQ(taken_ids(taken), std::vector<std::string>{"1"});
        const bool alone = number == 4;  // two leases of three are lost
        EXPECT_EQ(taken.items.at(9).integer, alone ? 1 : 0);
        const RedisValue again = take_call(number, number, 3);
        EXPECT_EQ(state(again), "AGAIN");
        EXPECT_EQ(taken_ids(again), std::vector<std::string>{"1"});
        EXPECT_EQ(again.items.at(9).integer, alone ? 1 : 0) << number;
        redis({"ZADD", group().leases, "0", "1"});  // ran out
    }
}

TEST_F(RedisCalls, ASettlementThatIsSentAgainGetsItsFirstOutcome) {
    publish_call(1, 1, {"a"});
    const std::string epoch = std::to_string(take_call(2, 2, 1).items.at(4).integer);
    const RedisValue first = settle_call(3, 3, "1", epoch);
    EXPECT_EQ(first.items.at(4).text, "1");
    const RedisValue again = settle_call(3, 3, "1", epoch);
    EXPECT_EQ(state(again), "AGAIN");
    EXPECT_EQ(again.items.at(4).text, "1") << "it was accepted, so this is no lost lease";
    EXPECT_EQ(settle_call(4, 4, "1", epoch).items.at(4).text, "0") << "another call is";
}

TEST_F(RedisCalls, ADiscardThatIsSentAgainGetsItsFirstAnswer) {
    publish_call(1, 1, {"a"});
    take_call(2, 2, 1);
    const RedisValue first = discard_call(3, 3, "1");
    EXPECT_EQ(first.items.at(4).text, "1");
    const RedisValue again = discard_call(3, 3, "1");
    EXPECT_EQ(state(again), "AGAIN");
    EXPECT_EQ(again.items.at(4).text, "1") << "it took effect";
    EXPECT_EQ(discard_call(4, 4, "1").items.at(4).text, "0") << "another call finds it given up";
    EXPECT_EQ(discard_call(5, 5, "7").items.at(4).text, "-");
}

TEST_F(RedisCalls, ALateCopyOfADiscardDoesNotGiveUpWhatWasTakenUpAgain) {
    publish_call(1, 1, {"a"});
    discard_call(2, 2, "1");
    ASSERT_EQ(retry_call(3, 3, "1").items.at(4).text, "1");
    const auto before = contents();
    EXPECT_EQ(state(discard_call(2, 2, "1")), "AGAIN");
    EXPECT_EQ(state(discard_call(6, 2, "1")), "GAP");
    EXPECT_EQ(contents(), before);
    EXPECT_EQ(redis({"HGET", event_key(1), "status"}).text, "PENDING");
}

TEST_F(RedisCalls, ALateCopyOfARetryDoesNotTakeUpWhatFailedAgain) {
    publish_call(1, 1, {"a"});
    take_call(2, 2, 1);
    discard_call(3, 3, "1");
    const RedisValue first = retry_call(4, 4, "1");
    EXPECT_EQ(first.items.at(4).text, "1");
    take_call(5, 5, 1);
    discard_call(6, 6, "1");
    const auto before = contents();
    const RedisValue again = retry_call(4, 4, "1");
    EXPECT_EQ(state(again), "AGAIN");
    EXPECT_EQ(again.items.at(4).text, "1");
    EXPECT_EQ(contents(), before);
    EXPECT_EQ(redis({"ZCARD", group().dead}).integer, 1);
}

TEST_F(RedisCalls, ARetiredClientSaysWhatWasAppliedAndAppliesNothingMore) {
    publish_call(1, 1, {"a"});
    publish_call(2, 2, {"b", "c"});
    const RedisValue outcomes = eval(scripts::retire, {record()}, {"70000", "2", "3"});
    ASSERT_EQ(outcomes.items.size(), 2u);
    EXPECT_TRUE(outcomes.items[0].text.starts_with("2 "));
    EXPECT_TRUE(outcomes.items[1].is_nil());
    EXPECT_EQ(state(publish_call(3, 3, {"late"})), "STALE");
    EXPECT_EQ(state(publish_call(3, 9, {"late"})), "STALE");
    EXPECT_EQ(eval(scripts::retire, {record()}, {"70000", "2"}).items.at(0).text, outcomes.items[0].text) << "twice";
    EXPECT_EQ(events(), 3);
    EXPECT_GT(redis({"PTTL", record()}).integer, 0);
}

// -- the client ------------------------------------------------------------------------------------------------------
TEST_F(RedisCalls, AForgottenScriptInTheMiddleKeepsTheOrder) {
    const auto session = open();
    std::vector<EventId> ids;
    for (int round = 0; round < 20; ++round) {
        redis({"SCRIPT", "FLUSH"});
        const auto some = publish_many(*session, 10, [this] { redis({"SCRIPT", "FLUSH"}); });
        EXPECT_TRUE(std::is_sorted(some.begin(), some.end()));
        ids.insert(ids.end(), some.begin(), some.end());
    }
    EXPECT_EQ(events(), 200);
    EXPECT_EQ(std::set<EventId>(ids.begin(), ids.end()).size(), 200u);
    EXPECT_EQ(ids.back(), 200);
}

TEST_F(RedisCalls, CutConnectionsNeitherLoseNorRepeatAPublish) {
    const auto session = open();
    session->stats();  // connected
    const auto ids = publish_many(*session, 400, [this] {
        for (int cut = 0; cut < 10; ++cut) {
            redis({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
        }
    });
    expect_each_once(ids);
}

TEST_F(RedisCalls, CutConnectionsNeitherStrandNorLoseWhatIsTaken) {
    const auto session = open();
    publish(*session, 300);
    const auto answers = std::make_shared<Counter>();
    const auto all = std::make_shared<std::vector<EventId>>();
    session->run([&](Store& store) {
        for (int i = 0; i < 100; ++i) {
            TakeRequest request;
            request.group = "default";
            request.max = 3;
            request.lease = long_lease;
            store.take(request, [all, answers](const Result<TakeReply>& result) {
                if (result.ok()) {
                    for (const StoredEvent& event : result.value().events) {
                        all->push_back(event.id);
                    }
                }
                answers->add();
            });
        }
    });
    for (int cut = 0; cut < 10; ++cut) {
        redis({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    }
    ASSERT_TRUE(answers->wait_for(100));
    std::sort(all->begin(), all->end());
    std::vector<EventId> expected;
    for (EventId id = 1; id <= 300; ++id) {
        expected.push_back(id);
    }
    EXPECT_EQ(*all, expected) << "each event is in exactly one hand";
}

TEST_F(RedisCalls, ACallThatWasGivenUpLeavesAClientBehindAndTheNextOnesWork) {
    const auto session = open();
    session->publish_one("0");
    server().pause();
    const auto soon = std::chrono::steady_clock::now() + 20ms;
    const auto late = session->call<PublishReply>([soon](Store& store, Callback<PublishReply> done) {
        store.publish({{{"1"}}, long_ttl, "w"}, soon, std::move(done));
    });
    ASSERT_FALSE(late.ok());
    EXPECT_EQ(late.failure().code, errc::timeout);
    server().resume();
    const EventId next = session->publish_one("2");
    EXPECT_TRUE(next == 2 || next == 3) << "the late one was applied or not, and before this one";
    EXPECT_EQ(events(), next);
    EXPECT_EQ(redis({"KEYS", keys().call_record_start + "*"}).items.size(), 2u);
    EXPECT_EQ(session->take(10).events.size(), static_cast<std::size_t>(next));
}

TEST_F(RedisCalls, DeadlinesHoldForCallsThatWaitForTheirTurn) {
    const auto session = open();
    session->publish_one("0");
    server().pause();
    const auto ids = publish_many(*session, 30, [] {}, std::chrono::steady_clock::now() + 20ms);
    EXPECT_EQ(ids, std::vector<EventId>(30, 0));
    server().resume();
    const EventId next = session->publish_one("x");
    EXPECT_LE(next, 2 + 4) << "no more than four were on the way";
    EXPECT_EQ(events(), next);
}

TEST_F(RedisCalls, ATakeThatIsGivenUpGoesBackAtOnce) {
    // As when the reply is over the client's limit, or its password is no longer good: the take is applied, its reply
    // lost, its client retired.
    publish_call(1, 1, {"a", "b"});
    take_call(2, 2, 2);
    const auto session = open();
    EXPECT_TRUE(session->take(2).events.empty());
    const std::string outcome = eval(scripts::retire, {record()}, {"70000", "2"}).items.at(0).text;
    std::string epoch = outcome.substr(0, outcome.find(' '));
    EXPECT_EQ(outcome, epoch + " 1 2") << "names what has to go back";
    session->settle(1, std::stoll(epoch), Verdict::handed_back);
    session->settle(2, std::stoll(epoch), Verdict::handed_back);
    EXPECT_EQ(session->take(2).events.size(), 2u);
}

class RedisCrashes : public RedisCalls {
protected:
    RedisCrashes() : RedisCalls(RedisServer::Options{{}, true}) {}
};

TEST_F(RedisCrashes, AServerThatCrashesNeitherLosesNorRepeatsAPublish) {
    const auto session = open();
    session->stats();
    const auto ids = publish_many(*session, 300, [this] {
        for (int crash = 0; crash < 3; ++crash) {
            server().kill9();
            server().start();
        }
    });
    expect_each_once(ids);
}

TEST_F(RedisCrashes, WhatWasTakenBeforeACrashIsSettledAfterIt) {
    const auto session = open();
    publish(*session, 5);
    const TakeReply taken = session->take(3);
    server().kill9();
    server().start();
    session->settle_all(taken);
    const TakeReply rest = session->take(10);
    EXPECT_EQ(ids_of(rest.events), (std::vector<EventId>{4, 5}));
    EXPECT_GT(rest.epoch, taken.epoch);
}

TEST_F(RedisCalls, AServerThatForgetsEverythingIsGoneOnWith) {
    const auto session = open();
    LogCapture log;
    publish(*session, 5);
    server().kill9();
    server().start();
    EXPECT_EQ(session->publish_one("x"), 1);
    EXPECT_EQ(log.count("not the one seen before"), 1);
    EXPECT_EQ(session->take(10).events.size(), 1u);
}

}  // namespace
}  // namespace eventy::test
