// The bounds on time: what is late is found, and what nobody could have done sooner is not.
#include "ledger/audit_fixture.hpp"

namespace eventy::ledger {

TEST_F(AuditTest, AnEventOfADeadWorkerThatBeginsTooLateIsFound) {
    remove_runs_of("w2.1");
    start(3400, "w2.1", 2, 3000);  // 3.1 s after the death
    end(3410, "w2.1", 2, 3000, "ok");
    expect_broken(Must::death_in_time);
    evidence_.terms.slack = std::chrono::milliseconds(200);
    expect_all_well();
}

TEST_F(AuditTest, ItIsMeasuredFromTheFirstFreeWorker) {
    remove_runs_of("w2.1");
    // Redis is away from 350 to 2000, and nobody can take anything.
    at(350, "redis", What::redis_killed);
    at(2000, "redis", What::redis_back);
    start(2100, "w2.1", 2, 3000);
    end(4900, "w2.1", 2, 3000, "ok");
    expect_all_well();
    EXPECT_EQ(judge().after_death.time, 100 * 1000);
    EXPECT_EQ(judge().after_death.at_once, 0);
}

TEST_F(AuditTest, AWorkerThatRunsAnEventInDangerIsNotFree) {
    remove_runs_of("w2.1");
    start(3400, "w2.1", 2, 3000);
    end(3410, "w2.1", 2, 3000, "ok");
    publish(20, "p1-3", 3);
    start(250, "w2.1", 3, 2500);
    end(3390, "w2.1", 3, 2500, "ok");
    processed(3, "w2.1");
    expect_broken(Must::death_in_time);
    redis().events[3].lost_by = {"somebody", "somebody else"};
    expect_all_well();
}

TEST_F(AuditTest, AWorkerThatReturnsTooLateIsFound) {
    at(10000, "redis", What::redis_killed);
    at(11000, "redis", What::redis_back);
    publish(11010, "p1-3", 3);
    start(11900, "w2.1", 3, 11900);
    end(11910, "w2.1", 3, 11900, "ok");
    processed(3, "w2.1");
    expect_all_well();
    EXPECT_EQ(judge().after_return.time, 900 * 1000);
    for (auto& record : evidence_.records) {
        record.at += record.token == "p1-3" && record.who == "w2.1" ? 200000 : 0;
    }
    expect_broken(Must::return_in_time);
}

TEST_F(AuditTest, AWorkerThatNeverReturnsIsFound) {
    at(10000, "redis", What::redis_killed);
    at(11000, "redis", What::redis_back);
    expect_broken(Must::return_in_time);
}

TEST_F(AuditTest, AWorkerThatIsStoppedIsNotOneOfTheLiving) {
    at(10000, "redis", What::redis_killed);
    at(11000, "redis", What::redis_back);
    at(11500, "w2.1", What::stopped);
    at(61000, "w2.1", What::continued);
    expect_all_well();
    EXPECT_EQ(judge().after_return.count, 0);
}

// -- several servers --------------------------------------------------------------------------------------------------

TEST_F(AuditTest, WhatIsDoneToOneServerExcusesNothingOnAnother) {
    remove_runs_of("w2.1");
    start(3400, "w2.1", 2, 3000);  // 3.1 s after the death
    end(3410, "w2.1", 2, 3000, "ok");
    const Place here{.server = "r1", .type = "Entry", .group = "default"};
    for (auto& record : evidence_.records) {
        const bool of_group = record.what == What::start || record.what == What::end;
        record.where = record.token.empty() ? Place() : of_group ? here : Place{.server = "r1", .type = "Entry"};
    }
    evidence_.stored = {{here, redis()}};
    expect_broken(Must::death_in_time);
    EXPECT_EQ(judge().findings.at(0).where, here);
    const auto on = [&](const char* server) {
        std::erase_if(evidence_.records, [](const Record& r) { return r.who == "redis"; });
        at(350, "redis", What::redis_killed);
        evidence_.records.back().where.server = server;
        at(3000, "redis", What::redis_back);
        evidence_.records.back().where.server = server;
    };
    on("r1");
    expect_all_well();
    on("r2");
    expect_broken(Must::death_in_time);
}

TEST_F(AuditTest, EachServerIsJudgedByItself) {
    const Place one{.server = "r1", .type = "Entry", .group = "default"};
    const Place two{.server = "r2", .type = "Entry", .group = "default"};
    const auto records = evidence_.records;
    evidence_.records.clear();
    for (const auto& record : records) {
        for (const auto& place : {one, two}) {
            if (record.token.empty() && place == two) {
                continue;
            }
            evidence_.records.push_back(record);
            if (!record.token.empty()) {
                evidence_.records.back().where = place;
                evidence_.records.back().where.group =
                    record.what == What::intend || record.what == What::acked ? "" : place.group;
            }
        }
    }
    const auto stored = redis();
    evidence_.stored = {{one, stored}, {two, stored}};
    expect_all_well();
    EXPECT_EQ(judge().acked, 4);
    EXPECT_EQ(judge().groups.size(), 2U);
    evidence_.stored[two].events.erase(1);
    evidence_.stored[two].events.erase(2);
    evidence_.stored[two].last_id = 0;
    expect_broken(Must::nothing_lost, 2);
    EXPECT_EQ(judge().broken(Must::nothing_lost, two), 2);
    EXPECT_EQ(judge().broken(Must::nothing_lost, one), 0);
}

}  // namespace eventy::ledger
