// Retries by hand: what each of them explains, and what it does not.
#include "ledger/audit_fixture.hpp"

namespace eventy::ledger {

/// Event 3, which w2.1 rejected under epoch by_redis(500), which p1.1 retried by hand, and which then went well.
class AuditRetriesTest : public AuditTest {
protected:
    AuditRetriesTest() {
        publish(400, "p1-3", 3);
        start(500, "w2.1", 3, by_redis(500));
        end(510, "w2.1", 3, by_redis(500), "rejects");
        stored(3, {.token = "p1-3", .settles = {{"ERROR", "id-of-w2.1"}}});
        retry(900, 910, 3, by_redis(600));
        start(1000, "w2.1", 3, by_redis(1000));
        end(1010, "w2.1", 3, by_redis(1000), "ok");
        end_as("done", "PROCESSED");
    }

    StoredEvent& event() { return redis().events[3]; }
    void end_as(const std::string& place, const std::string& status) {
        event().status = status;
        event().places = {place};
        event().settles = {{status, "id-of-w2.1"}};
    }
    /// Of the records of event 3.
    template <class Change>
    void change(What what, Change change) {
        for (auto& record : evidence_.records) {
            if (record.what == what && record.token == "p1-3") {
                change(record);
            }
        }
    }
    void answer(const std::string& note) {
        change(What::retried, [&](Record& record) { record.note = note; });
    }
    void remove(What what) {
        std::erase_if(evidence_.records, [&](const Record& r) { return r.what == what && r.token == "p1-3"; });
    }
};

TEST_F(AuditRetriesTest, WhatWasRetriedIsHandledAgainForThatReason) {
    expect_all_well();
    EXPECT_EQ(judge().reasons.at("retried by hand"), 1);
    EXPECT_EQ(judge().retried, 1);
    EXPECT_EQ(judge().given_up, 0);
}

TEST_F(AuditRetriesTest, OneOfUnknownOutcomeMayExplainAndNeedNot) {
    answer("no-answer: timeout");
    expect_all_well();
    remove(What::retried);  // its publisher was killed
    expect_all_well();
    // It never came to Redis.
    remove_runs_of("w2.1");
    start(2400, "w2.1", 2, 3000);
    end(2410, "w2.1", 2, 3000, "ok");
    start(500, "w2.1", 3, by_redis(500));
    end(510, "w2.1", 3, by_redis(500), "rejects");
    event().before.clear();
    event().retries = 0;
    end_as("dead", "ERROR");
    expect_all_well();
    EXPECT_EQ(judge().given_up, 1);
}

TEST_F(AuditRetriesTest, OneThatWasNotAskedForExplainsNothing) {
    remove(What::retrying);
    remove(What::retried);
    const Verdict verdict = judge();
    EXPECT_EQ(verdict.broken(Must::all_explained), 1);
    EXPECT_EQ(verdict.broken(Must::no_duplicate), 1);
}

TEST_F(AuditRetriesTest, OneThatWasRefusedExplainsNothing) {
    answer("not dead");
    const Verdict verdict = judge();
    EXPECT_EQ(verdict.broken(Must::all_explained), 1);
    EXPECT_EQ(verdict.broken(Must::no_duplicate), 1);
}

TEST_F(AuditRetriesTest, OneThatWasAskedForLaterExplainsNothing) {
    change(What::retrying, [](Record& record) { record.at += second; });
    change(What::retried, [](Record& record) { record.at += second; });
    expect_broken(Must::all_explained);
}

TEST_F(AuditRetriesTest, OneThatCountsTwiceIsADuplicate) {
    event().retries = 2;
    expect_broken(Must::no_duplicate);
    run_record(920, "p1.1", 3, 0, What::retrying, "", 0);
    expect_all_well();
}

TEST_F(AuditRetriesTest, OneThatWasConfirmedAndIsNotThereIsLost) {
    run_record(920, "p1.1", 3, 0, What::retrying, "", 0);
    run_record(930, "p1.1", 3, 0, What::retried, "not dead", 0);
    expect_all_well();
    run_record(940, "p1.1", 3, 0, What::retrying, "", 0);
    run_record(950, "p1.1", 3, 0, What::retried, "taken up", 0);
    expect_broken(Must::nothing_lost);
}

TEST_F(AuditRetriesTest, AnEventThatTheRetryDidNotFindIsLost) {
    run_record(920, "p1.1", 3, 0, What::retrying, "", 0);
    run_record(930, "p1.1", 3, 0, What::retried, "gone", 0);
    expect_broken(Must::nothing_lost);
}

TEST_F(AuditRetriesTest, WhatWasRetriedAndNobodyHandledIsLost) {
    evidence_.records.erase(std::remove_if(evidence_.records.begin(), evidence_.records.end(),
                                           [](const Record& r) { return r.token == "p1-3" && r.at >= second; }),
                            evidence_.records.end());
    expect_broken(Must::nothing_lost);  // PROCESSED, by a handler that rejected it
    event().settles.clear();
    event().places = {"delayed"};
    expect_broken(Must::nothing_lost);
    event().places = {"dead"};
    expect_broken(Must::nothing_lost);  // given up again, without an attempt
    event().places = {};
    expect_broken(Must::one_state);
}

TEST_F(AuditRetriesTest, AttemptsBeginAnew) {
    change(What::start, [](Record& record) { record.attempt = record.at >= second ? 2 : 1; });
    expect_broken(Must::all_explained);
}

TEST_F(AuditRetriesTest, FailedAttemptsOfALifeBeforeGiveNothingUp) {
    change(What::end, [](Record& record) { record.note = record.at >= second ? "throws: once" : "throws: before"; });
    start(505, "w2.1", 3, by_redis(505), 2);
    end(506, "w2.1", 3, by_redis(505), "throws: before", 2);
    start(507, "w2.1", 3, by_redis(507), 3);
    end(508, "w2.1", 3, by_redis(507), "throws: before", 3);
    end_as("dead", "ERROR");
    expect_broken(Must::nothing_lost);  // one attempt since
    start(1020, "w2.1", 3, by_redis(1020), 2);
    end(1021, "w2.1", 3, by_redis(1020), "throws: once", 2);
    start(1030, "w2.1", 3, by_redis(1030), 3);
    end(1031, "w2.1", 3, by_redis(1030), "throws: once", 3);
    expect_all_well();
    EXPECT_EQ(judge().reasons.at("failed attempt"), 4);
}

TEST_F(AuditRetriesTest, LostLeasesBeginAnew) {
    remove(What::start);
    remove(What::end);
    event().before[0].settles.clear();
    event().settles.clear();
    event().places = {"dead"};
    event().status = "ERROR";
    // w3.1, which took it and died before it began anything, and so on.
    for (int i = 3; i <= 8; ++i) {
        const std::string who = "w" + std::to_string(i) + ".1";
        const Micros death = i < 6 ? 410 + 20 * (i - 3) : 1010 + 20 * (i - 6);
        at(10, who, What::spawned, std::to_string(i * 101));
        at(death, who, What::killed);
        event().failures.push_back(lost_lease_of_process(death + 10, i * 101));
    }
    expect_all_well();
    auto two = event().failures;
    two.pop_back();
    std::swap(event().failures, two);
    expect_broken(Must::nothing_lost);  // two leases since
    std::swap(event().failures, two);
    event().failures.erase(event().failures.begin());
    expect_broken(Must::nothing_lost);  // two leases before
}

TEST_F(AuditRetriesTest, WhatWasGivenUpBeforeTheRetryNeedsAReason) {
    change(What::end, [](Record& record) { record.note = record.at < second ? "throws: once" : "ok"; });
    expect_broken(Must::nothing_lost);
}

TEST_F(AuditRetriesTest, WhatWasProcessedIsNotRetried) {
    change(What::end, [](Record& record) { record.note = "ok"; });
    event().before[0].settles = {{"PROCESSED", "id-of-w2.1"}};
    expect_broken(Must::one_state);
}

TEST_F(AuditRetriesTest, ASettleIsThatOfItsLife) {
    event().before[0].settles = {{"ERROR", "id-of-w1.1"}};
    expect_broken(Must::no_stale_settle);
    event().before[0].settles = {{"ERROR", "id-of-w2.1"}, {"ERROR", "id-of-w2.1"}};
    expect_broken(Must::no_stale_settle);
}

TEST_F(AuditRetriesTest, ADiscardedOneMayBeRetried) {
    remove(What::start);
    remove(What::end);
    event().before[0].settles.clear();
    event().before[0].discarded = true;
    start(1000, "w2.1", 3, by_redis(1000));
    end(1010, "w2.1", 3, by_redis(1000), "ok");
    expect_broken(Must::nothing_lost);  // by nobody
    run_record(410, "p1.1", 3, 0, What::discarding, "", 0);
    run_record(411, "p1.1", 3, 0, What::discarded, "given up", 0);
    expect_all_well();
    event().settles.clear();
    end_as("dead", "ERROR");
    const Verdict verdict = judge();  // it was given up again, and that nobody asked for
    EXPECT_EQ(verdict.broken(Must::nothing_lost), 1);
    EXPECT_EQ(verdict.discarded, 0);
    // To a group that joined later it was never given up.
    end_as("done", "PROCESSED");
    event().before.clear();
    expect_all_well();
    // Not retried, it must not be handled.
    remove(What::retrying);
    remove(What::retried);
    event().retries = 0;
    expect_broken(Must::all_explained);
}

TEST_F(AuditRetriesTest, WhatWasRetriedBeginsInTime) {
    for (auto& record : evidence_.records) {
        if (record.token == "p1-3" && record.at >= second) {
            record.at += 3 * second;
            record.epoch += 3 * second;
        }
    }
    expect_broken(Must::start_in_time);
    evidence_.terms.slack = std::chrono::milliseconds(200);
    expect_all_well();
}

TEST_F(AuditRetriesTest, ADeathBeforeTheRetryIsNotMeasuredBehindIt) {
    // w1.1 died with event 2 at 300; that was its last lease, and it was retried much later.
    remove_runs_of("w2.1");
    start(500, "w2.1", 3, by_redis(500));
    end(510, "w2.1", 3, by_redis(500), "rejects");
    start(1000, "w2.1", 3, by_redis(1000));
    end(1010, "w2.1", 3, by_redis(1000), "ok");
    redis().events[2].failures = {lost_lease_of_process(50, 303), lost_lease_of_process(90, 303),
                                  lost_lease(2400, "w1.1")};
    at(10, "w3.1", What::spawned, "303");
    at(40, "w3.1", What::killed);
    redis().events[2].settles.clear();
    retry(9000, 9010, 2, by_redis(8000));
    start(9100, "w2.1", 2, by_redis(9100));
    end(9110, "w2.1", 2, by_redis(9100), "ok");
    redis().events[2].settles = {{"PROCESSED", "id-of-w2.1"}};
    for (auto& record : evidence_.records) {
        record.epoch =
            record.what == What::start && record.who == "w1.1" && record.id == 2 ? by_redis(200) : record.epoch;
    }
    const Verdict verdict = judge();
    EXPECT_EQ(verdict.broken(Must::death_in_time), 0);
    EXPECT_EQ(verdict.after_death.count, 0);
}

}  // namespace eventy::ledger
