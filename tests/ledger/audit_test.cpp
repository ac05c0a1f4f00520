// A ledger that cannot fail is worth nothing: each kind of violation is planted, and the audit has to find it.
#include "ledger/audit_fixture.hpp"

namespace eventy::ledger {

TEST_F(AuditTest, AGoodRunIsCountedAndNothingIsBroken) {
    expect_all_well();
    const Verdict verdict = judge();
    EXPECT_EQ(verdict.acked, 2);
    EXPECT_EQ(verdict.processed, 2);
    EXPECT_EQ(verdict.handled_again, 1);
    EXPECT_EQ(verdict.reasons.at("its worker was killed"), 1);
    EXPECT_EQ(verdict.after_death.count, 1);
    EXPECT_EQ(verdict.after_death.time, 2100 * 1000);
    EXPECT_EQ(verdict.after_death.at_once, 1);
}

// -- lost ------------------------------------------------------------------------------------------------------------

TEST_F(AuditTest, AnAcknowledgedEventThatIsNotInRedisIsLost) {
    publish(400, "p1-3", 3);
    expect_broken(Must::nothing_lost);
}

TEST_F(AuditTest, AnEventThatIsCalledProcessedAndThatNobodyFinishedIsLost) {
    publish(400, "p1-3", 3);
    processed(3, "w2.1");
    expect_broken(Must::nothing_lost);
}

TEST_F(AuditTest, AnEventThatAnotherFinishedThanRedisSaysIsLost) {
    publish(400, "p1-3", 3);
    start(500, "w2.1", 3, 2500);
    end(510, "w2.1", 3, 2500, "ok");
    processed(3, "w2.1");
    redis().events[3].settles = {{"PROCESSED", "somebody"}};
    const Verdict verdict = judge();
    EXPECT_EQ(verdict.broken(Must::nothing_lost), 1);
    EXPECT_EQ(verdict.broken(Must::no_stale_settle), 1);
}

TEST_F(AuditTest, AnEventThatIsStillPendingIsNotDone) {
    publish(400, "p1-3", 3);
    stored(3, {.token = "p1-3", .status = "PENDING", .places = {"delayed"}});
    expect_broken(Must::nothing_lost);
}

TEST_F(AuditTest, AnEventThatWasGivenUpWithoutAReasonIsLost) {
    publish(400, "p1-3", 3);
    start(500, "w2.1", 3, 2500);
    end(510, "w2.1", 3, 2500, "throws: once");
    stored(3, {.token = "p1-3", .status = "ERROR", .places = {"dead"}, .settles = {{"ERROR", "id-of-w2.1"}}});
    expect_broken(Must::nothing_lost);
}

TEST_F(AuditTest, AnEventWhoseAttemptsAreUsedUpMayBeGivenUp) {
    publish(400, "p1-3", 3);
    for (int attempt = 1; attempt <= 3; ++attempt) {
        start(500 + attempt * 10, "w2.1", 3, 2500 + attempt, attempt);
        end(505 + attempt * 10, "w2.1", 3, 2500 + attempt, "throws: always", attempt);
    }
    stored(3, {.token = "p1-3", .status = "ERROR", .places = {"dead"}, .settles = {{"ERROR", "id-of-w2.1"}}});
    expect_all_well();
    EXPECT_EQ(judge().reasons.at("failed attempt"), 2);
}

TEST_F(AuditTest, LostLeasesOfWorkersThatNothingHappenedToGiveNothingUp) {
    publish(20, "p1-3", 3);
    stored(3, {.token = "p1-3", .status = "ERROR", .places = {"dead"}});
    // Two that died before they began anything.
    at(10, "w8.1", What::spawned, "808");
    at(2600, "w8.1", What::killed);
    at(10, "w9.1", What::spawned, "909");
    at(4600, "w9.1", What::killed);
    const auto of_w8 = lost_lease_of_process(4500, 808);
    const auto of_w9 = lost_lease_of_process(6500, 909);
    redis().events[3].failures = {of_w8, of_w9, lost_lease(8500, "w2.1")};
    expect_broken(Must::nothing_lost);
    redis().events[3].failures = {of_w8, of_w9, lost_lease(8500, "w1.1")};
    expect_broken(Must::nothing_lost);  // it had died long before it could have taken it, at 6500
    redis().events[3].failures = {lost_lease(2500, "w1.1"), of_w8, of_w9};
    expect_all_well();
    redis().events[3].failures = {lost_lease(2500, "w1.1"), of_w8, lost_lease_of_process(6500, 77)};
    expect_broken(Must::nothing_lost);  // nobody knows that one
}

TEST_F(AuditTest, TroubleAtAnotherTimeExplainsNoLostLease) {
    publish(20, "p1-3", 3);
    stored(3, {.token = "p1-3", .status = "ERROR", .places = {"dead"}});
    for (int i = 0; i < 3; ++i) {
        redis().events[3].failures.push_back(lost_lease(7000 + i * 2500, "w2.1"));
    }
    at(20000, "w2.1", What::stopped);
    at(29000, "w2.1", What::continued);
    expect_broken(Must::nothing_lost);
    for (auto& record : evidence_.records) {
        record.at -= record.what == What::stopped || record.what == What::continued ? 15 * second : 0;
    }
    expect_all_well();
    // A failed attempt forgives: these are no three in a row.
    redis().events[3].failures.insert(redis().events[3].failures.begin() + 1, {.at = by_redis(8000)});
    expect_broken(Must::nothing_lost);
}

TEST_F(AuditTest, TroubleBeforeTheTakeIsNoReason) {
    publish(7000, "p1-3", 3);
    at(5000, "w2.1", What::stopped);
    at(7000, "w2.1", What::continued);
    at(0, "w3.1", What::subscribed);
    start(7005, "w2.1", 3, by_redis(7005));
    end(7006, "w2.1", 3, by_redis(7005), "ok");
    start(8000, "w3.1", 3, by_redis(8000));
    end(8010, "w3.1", 3, by_redis(8000), "ok");
    processed(3, "w3.1");
    expect_broken(Must::all_explained);
}

// -- duplicates ------------------------------------------------------------------------------------------------------

TEST_F(AuditTest, ATokenThatStandsTwiceIsADuplicate) {
    stored(3, redis().events[1]);
    expect_broken(Must::no_duplicate);
}

TEST_F(AuditTest, APublishOfUnknownOutcomeMayBeThereOnceOrNot) {
    evidence_.records.push_back({.at = 400000, .who = "p1.1", .what = What::intend, .token = "p1-3"});
    evidence_.records.push_back({.at = 400001, .who = "p1.1", .what = What::unknown, .token = "p1-3"});
    expect_all_well();
    start(500, "w2.1", 3, 2500);
    end(510, "w2.1", 3, 2500, "ok");
    processed(3, "w2.1");
    expect_all_well();
    EXPECT_EQ(judge().unknown_there, 1);
    processed(4, "w2.1");
    redis().events[4] = redis().events[3];
    expect_broken(Must::no_duplicate);
}

TEST_F(AuditTest, AnEventUnderAnotherIdThanThePublisherWasToldIsWrong) {
    std::swap(redis().events[1], redis().events[2]);
    expect_broken(Must::no_duplicate, 2);
}

TEST_F(AuditTest, AnEventThatNobodyPublishedIsWrong) {
    start(500, "w2.1", 3, 2500);
    end(510, "w2.1", 3, 2500, "ok");
    processed(3, "w2.1");
    expect_broken(Must::no_duplicate);
}

// -- stale settles ---------------------------------------------------------------------------------------------------

TEST_F(AuditTest, ASettleOfOneWhoHadLostTheEventIsStale) {
    publish(400, "p1-3", 3);
    at(500, "w2.1", What::stopped);
    start(499, "w2.1", 3, 2500);
    at(4000, "w2.1", What::continued);
    end(4001, "w2.1", 3, 2500, "ok");
    at(0, "w3.1", What::subscribed);
    start(2600, "w3.1", 3, 2600);
    end(2610, "w3.1", 3, 2600, "ok");
    processed(3, "w3.1");
    // w2.1 cannot take event 2 at 2400 while it is stopped.
    redis().events[3].settles = {{"PROCESSED", "id-of-w3.1"}};
    EXPECT_EQ(judge().broken(Must::no_stale_settle), 0);
    redis().events[3].settles = {{"PROCESSED", "id-of-w2.1"}};
    EXPECT_EQ(judge().broken(Must::no_stale_settle), 1);
}

TEST_F(AuditTest, ASecondSettleOfOneGroupIsStale) {
    redis().events[1].settles = {{"PROCESSED", "id-of-w1.1"}, {"PROCESSED", "id-of-w1.1"}};
    expect_broken(Must::no_stale_settle);
}

TEST_F(AuditTest, AProgressOfOneWhoHadLostTheEventIsStale) {
    run_record(2405, "w1.1", 2, 2000, What::fence, "progress", 1);
    run_record(2406, "w1.1", 2, 2000, What::fenced, "refused", 1);
    expect_all_well();
    EXPECT_EQ(judge().refused_stale, 1);
    run_record(2407, "w1.1", 2, 2000, What::fence, "progress", 1);
    run_record(2408, "w1.1", 2, 2000, What::fenced, "accepted", 1);
    expect_broken(Must::no_stale_settle);
}

// -- handled again ---------------------------------------------------------------------------------------------------

TEST_F(AuditTest, HandledTwiceWithoutAReasonIsFound) {
    start(5000, "w2.1", 1, 5000);
    end(5010, "w2.1", 1, 5000, "ok");
    std::erase_if(evidence_.records, [](const Record& r) { return r.what == What::killed; });
    at(300, "w1.1", What::cut);  // a connection that was cut is no reason: it is there again long before the lease ends
    processed(1, "w2.1");
    expect_broken(Must::all_explained, 2);
}

TEST_F(AuditTest, AKillLongAfterTheHandlersEndIsNoReason) {
    start(5000, "w2.1", 1, 5000);
    end(5010, "w2.1", 1, 5000, "ok");
    processed(1, "w2.1");
    expect_all_well();  // killed 190 ms after the end: its outcome may not have been stored
    evidence_.records.front().at -= 10 * second;
    for (auto& record : evidence_.records) {
        if (record.token == "p1-1" && record.who == "w1.1") {
            record.at -= 4 * second;
        }
    }
    expect_broken(Must::all_explained);
}

TEST_F(AuditTest, AStopForMostOfALeaseIsAReasonAndAShortOneIsNot) {
    publish(4900, "p1-3", 3);
    start(5000, "w2.1", 3, 5000);
    at(5001, "w2.1", What::stopped);
    at(7800, "w2.1", What::continued);
    end(7801, "w2.1", 3, 5000, "ok");
    at(0, "w3.1", What::subscribed);
    start(7100, "w3.1", 3, 7100);
    end(7110, "w3.1", 3, 7100, "ok");
    processed(3, "w3.1");
    expect_all_well();
    EXPECT_EQ(judge().reasons.at("lost lease: was stopped"), 1);
    for (auto& record : evidence_.records) {
        record.at = record.what == What::continued ? 5200000 : record.at;
    }
    expect_broken(Must::all_explained);
}

TEST_F(AuditTest, AnAttemptThatRisesWithoutAFailureIsFound) {
    start(500, "w2.1", 1, 2500, 2);
    end(510, "w2.1", 1, 2500, "ok", 2);
    processed(1, "w2.1");
    expect_broken(Must::all_explained);
}

TEST_F(AuditTest, AHandlerThatWasStoppedBeforeItCouldReturnHasRunForSoLong) {
    publish(4900, "p1-3", 3);
    start(5000, "w2.1", 3, 5000);
    end(5003, "w2.1", 3, 5000, "ok");
    at(5004, "w2.1", What::stopped);
    at(8900, "w2.1", What::continued);
    at(0, "w3.1", What::subscribed);
    start(9000, "w3.1", 3, 9000, 2);
    end(9010, "w3.1", 3, 9000, "ok", 2);
    processed(3, "w3.1");
    expect_all_well();
    EXPECT_EQ(judge().reasons.at("failed attempt"), 1);
    for (auto& record : evidence_.records) {
        record.at = record.what == What::stopped ? 5400000 : record.at;
    }
    expect_broken(Must::all_explained);
}

TEST_F(AuditTest, TheSameEpochTwiceIsFound) {
    publish(400, "p1-3", 3);
    start(500, "w2.1", 3, 2500);
    end(510, "w2.1", 3, 2500, "ok");
    start(520, "w2.1", 3, 2500);
    end(530, "w2.1", 3, 2500, "ok");
    processed(3, "w2.1");
    expect_broken(Must::all_explained);
}

// -- dedup_key and discard -------------------------------------------------------------------------------------------

TEST_F(AuditTest, APublishWithItsWordAgainIsToldTheSameEvent) {
    publish(20, "p1-1", 1);
    expect_all_well();
    EXPECT_EQ(judge().acked, 2);
    evidence_.records.push_back({.at = 30000, .who = "p1.1", .what = What::acked, .token = "p1-1", .id = 7});
    evidence_.records.push_back({.at = 40000, .who = "p1.1", .what = What::acked, .token = "p1-1", .id = 1});
    expect_broken(Must::no_duplicate, 2);  // told 1, then 7, then 1
}

TEST_F(AuditTest, AnUnknownOutcomeThatItsWordMadeKnownMustBeThere) {
    evidence_.records.push_back({.at = 400000, .who = "p1.1", .what = What::intend, .token = "p1-3"});
    evidence_.records.push_back({.at = 400001, .who = "p1.1", .what = What::unknown, .token = "p1-3"});
    expect_all_well();
    evidence_.records.push_back({.at = 400002, .who = "p1.1", .what = What::acked, .token = "p1-3", .id = 3});
    expect_broken(Must::nothing_lost);
}

TEST_F(AuditTest, OnlyWhatSomebodyDiscardedMayBeGivenUpByHand) {
    publish(400, "p1-3", 3);
    stored(3, {.token = "p1-3", .status = "ERROR", .places = {"dead"}, .error = "discarded by hand"});
    expect_broken(Must::nothing_lost);
    run_record(410, "p1.1", 3, 0, What::discarding, "", 0);
    expect_all_well();  // its publisher may have been killed before it knew the answer
    EXPECT_EQ(judge().discarded, 1);
    run_record(411, "p1.1", 3, 0, What::discarded, "given up", 0);
    expect_all_well();
    for (auto& record : evidence_.records) {
        record.note = record.what == What::discarded ? "too late" : record.note;
    }
    expect_broken(Must::nothing_lost);
}

TEST_F(AuditTest, WhatWasDiscardedIsNotTakenAnyMore) {
    publish(400, "p1-3", 3);
    run_record(410, "p1.1", 3, 0, What::discarding, "", 0);
    run_record(411, "p1.1", 3, 0, What::discarded, "given up", 0);
    stored(3, {.token = "p1-3", .status = "ERROR", .places = {"dead"}, .error = "discarded by hand"});
    // Epochs are µs of Redis's clock, here 99 ms behind: it was taken before, though it began to run after.
    start(500, "w2.1", 3, 300'000);
    end(510, "w2.1", 3, 300'000, "ok");
    expect_all_well();
    for (auto& record : evidence_.records) {
        record.epoch = record.token == "p1-3" && record.epoch > 0 ? 400'000 : record.epoch;
    }
    expect_broken(Must::all_explained);
}

// -- states ----------------------------------------------------------------------------------------------------------

TEST_F(AuditTest, AnEventInNoStateIsFound) {
    redis().events[1].places.clear();
    expect_broken(Must::one_state);
}

TEST_F(AuditTest, AnEventInTwoStatesIsFound) {
    redis().events[1].places = {"leased", "dead"};
    expect_broken(Must::one_state);
}

TEST_F(AuditTest, KeysThatContradictEachOtherAreFound) {
    redis().events[1].flaw = "it is not in the index";
    expect_broken(Must::one_state);
}

TEST_F(AuditTest, AnIdWithoutAnEventIsFound) {
    redis().last_id = 3;
    expect_broken(Must::one_state);
}

TEST_F(AuditTest, WhatALookAtTheRunningSystemFoundIsFound) {
    evidence_.records.push_back(
        {.at = 500000, .who = "redis", .what = What::two_places, .id = 1, .note = "in no state"});
    expect_broken(Must::one_state);
}

// -- everysec --------------------------------------------------------------------------------------------------------

TEST_F(AuditTest, WithEverysecOnlyTheLastSecondsBeforeAKillMayBeLost) {
    publish(9000, "p1-3", 3);
    at(10000, "redis", What::redis_killed);
    expect_broken(Must::nothing_lost);
    evidence_.terms.may_lose = std::chrono::milliseconds(2000);
    expect_all_well();
    EXPECT_EQ(judge().lost_with_redis, 1);
    EXPECT_EQ(judge().lost_oldest, second - 500);
    publish(7000, "p1-4", 3);
    expect_broken(Must::nothing_lost);
}

TEST_F(AuditTest, WithEverysecASettleIsNotStaleWhenAKillTookTheLaterTake) {
    publish(400, "p1-3", 3);
    start(500, "w2.1", 3, 500'000);
    end(9000, "w2.1", 3, 500'000, "ok");
    at(0, "w3.1", What::subscribed);
    start(9500, "w3.1", 3, 9'500'000);
    end(9510, "w3.1", 3, 9'500'000, "ok");
    at(10000, "redis", What::redis_killed);
    processed(3, "w2.1");
    EXPECT_EQ(judge().broken(Must::no_stale_settle), 1);
    evidence_.terms.may_lose = std::chrono::milliseconds(2000);
    EXPECT_EQ(judge().broken(Must::no_stale_settle), 0);
    evidence_.terms.may_lose = std::chrono::milliseconds(200);
    EXPECT_EQ(judge().broken(Must::no_stale_settle), 1) << "the later take was older than what may be lost";
}

TEST_F(AuditTest, WithEverysecALeaseOfJustBeforeAKillMayBeLostThoughItsHandlerBeganBehind) {
    // The epochs are 99 ms behind the ledger's clock: run 1 of event 1.
    publish(9000, "p1-3", 3);
    at(10000, "redis", What::redis_killed);
    start(10007, "w2.1", 3, 9'900'000);
    end(10008, "w2.1", 3, 9'900'000, "ok");
    at(10500, "redis", What::redis_back);
    start(11200, "w2.1", 3, 11'100'000);
    end(11201, "w2.1", 3, 11'100'000, "ok");
    processed(3, "w2.1");
    expect_broken(Must::all_explained);
    evidence_.terms.may_lose = std::chrono::milliseconds(2000);
    expect_all_well();
    publish(9001, "p1-4", 4);
    start(10600, "w2.1", 4, 10'500'000);  // taken when Redis was back
    end(10601, "w2.1", 4, 10'500'000, "ok");
    start(11202, "w2.1", 4, 11'102'000);
    end(11203, "w2.1", 4, 11'102'000, "ok");
    processed(4, "w2.1");
    expect_broken(Must::all_explained);
}

TEST_F(AuditTest, WithEverysecAFailureUnderALeaseOfBeforeAKillCountsThoughALaterTakeWasLost) {
    publish(7800, "p1-3", 3);
    start(7900, "w2.1", 3, by_redis(7900));
    at(8000, "w2.1", What::stopped);
    at(10590, "w2.1", What::continued);
    at(0, "w3.1", What::subscribed);
    start(9920, "w3.1", 3, by_redis(9920));
    end(9930, "w3.1", 3, by_redis(9920), "ok");
    at(10000, "redis", What::redis_killed);
    at(10500, "redis", What::redis_back);
    end(10600, "w2.1", 3, by_redis(7900), "throws: once");
    start(11200, "w3.1", 3, by_redis(11200), 2);
    end(11201, "w3.1", 3, by_redis(11200), "ok", 2);
    processed(3, "w3.1");
    const auto unexplained = [this](std::int64_t ms) {
        evidence_.terms.may_lose = std::chrono::milliseconds(ms);
        return judge().broken(Must::all_explained);
    };
    EXPECT_EQ(unexplained(2000), 0);
    EXPECT_EQ(judge().reasons.at("Redis lost what it knew of it"), 2);
    EXPECT_EQ(unexplained(50), 1) << "the take between them was older than what may be lost";
    EXPECT_EQ(unexplained(0), 1);
    for (auto& record : evidence_.records) {
        record.note = record.note == "throws: once" ? "ok" : record.note;
    }
    EXPECT_EQ(unexplained(2000), 1) << "none of them failed";
}

}  // namespace eventy::ledger
