// What is gone: each rule about it, planted and found.
#include "ledger/audit_fixture.hpp"

namespace eventy::ledger {

/// Instead of the fixture's events those of Flash: event 1, which w1.1 processed, 2, which w2.1 rejected, and 3, which
/// nobody had. All are gone.
class AuditExpiryTest : public AuditTest {
protected:
    AuditExpiryTest() {
        std::erase_if(evidence_.records, [](const Record& r) { return !r.token.empty() || r.what == What::killed; });
        evidence_.stored.clear();
        publish(1000, "f-1", 1);
        run(1100, "w1.1", 1, "ok", 10);
        publish(1010, "f-2", 2);
        run(1200, "w2.1", 2, "rejects", 10);
        publish(1020, "f-3", 3);
        for (std::int64_t id = 1; id <= 3; ++id) {
            flashes().events[id] = {.token = "f-" + std::to_string(id), .status = "PENDING", .places = {"expired"}};
            event(id).created = by_redis(1000 + 10 * (id - 1));
            event(id).vanished = Vanished{.by = by_redis(6000), .last_epoch = by_redis(5900)};
        }
        event(1).places = {"done"};
        event(1).settles = {{"PROCESSED", "id-of-w1.1"}};
        event(2).places = {"dead"};
        event(2).settles = {{"ERROR", "id-of-w2.1"}};
        event(2).failures = {{.at = by_redis(1210), .worker = "id-of-w2.1"}};
        flashes().last_id = flashes().cursor = 3;
        flashes().expired = 1;
    }

    static Place here() { return {"", std::string(Flash::event_name), ""}; }
    StoredState& flashes() { return evidence_.stored[here()]; }
    StoredEvent& event(std::int64_t id) { return flashes().events[id]; }

    void publish(Micros ms, const std::string& token, std::int64_t id) {
        evidence_.records.push_back(
            {.at = ms * 1000, .who = "p1.1", .what = What::intend, .where = here(), .token = token});
        evidence_.records.push_back(
            {.at = ms * 1000 + 500, .who = "p1.1", .what = What::acked, .where = here(), .token = token, .id = id});
    }
    void run(Micros began, const std::string& who, std::int64_t id, const std::string& outcome, Micros lasts) {
        Record record{.at = began * 1000,
                      .who = who,
                      .what = What::start,
                      .where = here(),
                      .token = "f-" + std::to_string(id),
                      .id = id,
                      .epoch = by_redis(began),
                      .attempt = 1,
                      .note = "id-of-" + who};
        evidence_.records.push_back(record);
        record.at += lasts * 1000;
        record.what = What::end;
        record.note = outcome;
        evidence_.records.push_back(record);
    }
};

TEST_F(AuditExpiryTest, WhatIsGoneInTimeIsCounted) {
    expect_all_well();
    const Verdict verdict = judge();
    EXPECT_EQ(verdict.gone_processed, 1);
    EXPECT_EQ(verdict.gone_given_up, 1);
    EXPECT_EQ(verdict.expired, 1);
    EXPECT_EQ(verdict.counted_expired, 1);
    EXPECT_EQ(verdict.acked, 3);
    EXPECT_EQ(verdict.stored, 3);
    EXPECT_NE(make_table(verdict, evidence_.terms).find("counted as expired"), std::string::npos);
}

TEST_F(AuditExpiryTest, WhatTheQueueCountsTwiceOrNotAtAllIsFound) {
    flashes().expired = 2;
    expect_broken(Must::expiry_counted);
    flashes().expired = 0;
    expect_broken(Must::expiry_counted);
}

TEST_F(AuditExpiryTest, WhatIsGoneBeforeItsTimeIsLost) {
    event(3).vanished->by = by_redis(1020) + micros(flash_ttl);
    expect_all_well();
    event(3).vanished->by = by_redis(920) + micros(flash_ttl);
    expect_broken(Must::nothing_lost);
}

TEST_F(AuditExpiryTest, ItsTimeBeginsAnewWithAFailedAttemptAndNotWithALostLease) {
    event(2).failures[0].at = by_redis(3000);
    expect_broken(Must::nothing_lost);
    event(2).failures[0].lost_lease = true;
    expect_all_well();
}

TEST_F(AuditExpiryTest, EventsThatLastForADayMustNotBeGone) {
    auto all = evidence_.stored.extract(here());
    all.key().type = "Entry";
    evidence_.stored.insert(std::move(all));
    for (auto& record : evidence_.records) {
        record.where.type = record.where.type.empty() ? "" : "Entry";
    }
    expect_broken(Must::nothing_lost, 3);
}

TEST_F(AuditExpiryTest, AnAcknowledgedEventThatNeverStoodInRedisIsLost) {
    publish(1030, "f-4", 4);
    expect_broken(Must::nothing_lost);
}

TEST_F(AuditExpiryTest, WhatIsGoneMustNotBeTaken) {
    run(3500, "w2.1", 3, "throws: once", 10);
    event(3).vanished->last_epoch = by_redis(3400);
    expect_broken(Must::all_explained);
    event(3).vanished->last_epoch = by_redis(3600);
    expect_all_well();
}

TEST_F(AuditExpiryTest, WhatWasFinishedMustNotExpireAsIfItWasNot) {
    run(1300, "w2.1", 3, "ok", 10);
    expect_broken(Must::nothing_lost);
    at(1320, "w2.1", What::stopped);  // before it could say so
    at(5000, "w2.1", What::continued);
    expect_all_well();
}

TEST_F(AuditExpiryTest, WhatExpiredAndWasNotFinishedNeedsNoReason) {
    run(1300, "w2.1", 3, "throws: once", 10);
    expect_all_well();
    EXPECT_EQ(judge().expired, 1);
}

TEST_F(AuditExpiryTest, WhoStillHeldItMayProcessItAndThenItIsNotCounted) {
    run(1300, "w2.1", 3, "ok", 5000);
    event(3).vanished->late = {{"PROCESSED", "id-of-w2.1"}};
    expect_broken(Must::expiry_counted);
    flashes().expired = 0;
    expect_all_well();
    EXPECT_EQ(judge().ended_late, 1);
    event(3).vanished->late = {{"PROCESSED", "id-of-w1.1"}};
    expect_broken(Must::nothing_lost);
    event(3).vanished->late = {{"PROCESSED", "id-of-w2.1"}, {"PROCESSED", "id-of-w2.1"}};
    expect_broken(Must::no_stale_settle);
    flashes().expired = 1;
    event(3).vanished->late = {{"ERROR", "id-of-w2.1"}};
    expect_broken(Must::nothing_lost);
}

TEST_F(AuditExpiryTest, WhoStillHeldItMayFailAndThenItIsCounted) {
    run(1300, "w2.1", 3, "rejects", 5000);
    event(3).vanished->late = {{"ERROR", "id-of-w2.1"}};
    expect_all_well();
    EXPECT_EQ(judge().expired, 1);
    flashes().expired = 0;
    expect_broken(Must::expiry_counted);
}

TEST_F(AuditExpiryTest, WhatWasProcessedOrGivenUpNeedsItsReasonAlsoWhenItIsGone) {
    event(1).settles[0].worker = "id-of-w2.1";
    const Verdict verdict = judge();
    EXPECT_EQ(verdict.broken(Must::nothing_lost), 1);
    EXPECT_EQ(verdict.broken(Must::no_stale_settle), 1);
    event(1).settles[0].worker = "id-of-w1.1";
    for (auto& record : evidence_.records) {
        record.note = record.note == "rejects" ? "throws: once" : record.note;
    }
    expect_broken(Must::nothing_lost);
}

TEST_F(AuditExpiryTest, NoKeyMaySpeakOfWhatIsGone) {
    flashes().leftovers = {{3, "delayed"}, {1, "index"}};
    expect_broken(Must::one_state, 2);
}

TEST_F(AuditExpiryTest, AnIdThatNothingStoodUnderIsNoExpiredEvent) {
    flashes().last_id = 4;
    expect_broken(Must::one_state);
}

TEST_F(AuditExpiryTest, WhoRestsIsNotFree) {
    run(5000, "w2.1", 3, "ok", 10);
    event(3).places = {"done"};
    event(3).settles = {{"PROCESSED", "id-of-w2.1"}};
    flashes().expired = 0;
    expect_broken(Must::start_in_time);
    for (const std::string who : {"w1.1", "w2.1"}) {
        evidence_.records.push_back({.at = 1015 * 1000, .who = who, .what = What::resting, .where = here()});
        evidence_.records.push_back({.at = 4000 * 1000, .who = who, .what = What::rested, .where = here()});
    }
    expect_all_well();
}

}  // namespace eventy::ledger
