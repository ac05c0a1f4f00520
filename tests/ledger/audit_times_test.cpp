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

TEST_F(AuditTest, OneThatTookItAndDiedBeforeItBeganExplainsItsLease) {
    remove_runs_of("w2.1");
    start(4400, "w2.1", 2, by_redis(4400));  // 4.1 s after the death
    end(4410, "w2.1", 2, by_redis(4400), "ok");
    redis().events[2].failures = {lost_lease(4400, "w1.1")};
    expect_broken(Must::death_in_time);
    redis().events[2].failures = {lost_lease(2350, "w1.1"), lost_lease_of_process(4400, 303)};
    expect_broken(Must::death_in_time);  // nobody knows who that was
    at(10, "w3.1", What::spawned, "303");
    expect_broken(Must::death_in_time);  // nothing happened to it
    at(2000, "w3.1", What::stopped);
    at(2600, "w3.1", What::continued);
    expect_broken(Must::death_in_time);  // that costs no lease
    at(2370, "w3.1", What::killed);
    expect_all_well();
    EXPECT_EQ(judge().after_death.time, 2100 * 1000);
    EXPECT_EQ(judge().after_death.raw, 4100 * 1000);
    for (auto& record : evidence_.records) {
        record.at += record.who == "w3.1" && record.what == What::killed ? 3 * second : 0;
    }
    expect_broken(Must::death_in_time);  // it died when it had lost it already
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
    start(250, "w2.1", 3, by_redis(250));
    end(3390, "w2.1", 3, by_redis(250), "ok");
    processed(3, "w2.1");
    expect_broken(Must::death_in_time);
    auto& failures = redis().events[3].failures;
    failures = {lost_lease(100, "x"), lost_lease(250, "y")};
    expect_all_well();
    EXPECT_EQ(judge().after_death.raw, 3100 * 1000);
    EXPECT_EQ(judge().after_death.time, 10 * 1000);
    EXPECT_NE(make_table(judge(), evidence_.terms).find("without excuses"), std::string::npos);
    // Only this run counts: neither leases that it lost later, nor those that a failed attempt forgave.
    failures = {lost_lease(4000, "x"), lost_lease(6000, "y")};
    expect_broken(Must::death_in_time);
    failures = {lost_lease(100, "x"), lost_lease(200, "y"), {.at = by_redis(210)}};
    expect_broken(Must::death_in_time);
}

TEST_F(AuditTest, AWorkerDrainsOnlyOnceAnEventInDangerHasWaitedSinceItsLoss) {
    // Event 3 is in danger, and w3.1 runs it until it dies at 8000; w4.1 takes it at 13000.
    publish(990, "p1-3", 3);
    at(980, "w3.1", What::subscribed);
    start(1000, "w3.1", 3, by_redis(1000));
    at(8000, "w3.1", What::killed);
    at(12900, "w4.1", What::subscribed);
    start(13000, "w4.1", 3, by_redis(13000));
    end(13010, "w4.1", 3, by_redis(13000), "ok");
    processed(3, "w4.1");
    redis().events[3].failures = {lost_lease(500, "x"), lost_lease(13000, "w3.1")};
    // w2.1 has one handler busy.
    publish(3990, "p1-4", 4);
    start(4000, "w2.1", 4, by_redis(4000));
    end(20000, "w2.1", 4, by_redis(4000), "ok");
    processed(4, "w2.1");
    // Of w5.1's event it has no such excuse.
    publish(5090, "p1-5", 5);
    at(5080, "w5.1", What::subscribed);
    start(5100, "w5.1", 5, by_redis(5100));
    at(5200, "w5.1", What::killed);
    const auto taken_again = [this](Micros ms) {
        std::erase_if(evidence_.records, [](const Record& r) { return r.token == "p1-5" && r.who == "w2.1"; });
        start(ms, "w2.1", 5, by_redis(ms));
        end(ms + 10, "w2.1", 5, by_redis(ms), "ok");
        processed(5, "w2.1");
    };
    taken_again(8300);
    expect_broken(Must::death_in_time);
    taken_again(8100);
    expect_all_well();
    // From the loss on: the rest of the lease, and a lease's time of passing over it; then w2.1 may drain.
    for (auto& record : evidence_.records) {
        if (record.who == "w5.1") {
            record.at += 5 * second;
            record.epoch += record.epoch == 0 ? 0 : 5 * second;
        }
        record.at += record.token == "p1-5" && record.who == "p1.1" ? 5 * second : 0;
    }
    taken_again(13300);
    expect_all_well();
    EXPECT_GT(judge().after_death.raw, 3 * second);
    // One that holds nothing is not kept from taking by what others do, also not from taking event 3.
    for (auto& record : evidence_.records) {
        record.at -= record.token == "p1-4" && record.what == What::end ? 15 * second : 0;
    }
    expect_broken(Must::death_in_time, 2);
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

// -- groups and types -------------------------------------------------------------------------------------------------

TEST_F(AuditTest, AnEventThatNobodyBeginsInTimeIsFound) {
    publish(5000, "p1-3", 3);
    start(7900, "w2.1", 3, 7900);
    end(7910, "w2.1", 3, 7900, "ok");
    processed(3, "w2.1");
    expect_all_well();
    EXPECT_EQ(judge().first_start.time, 2900 * 1000 - 500);
    for (auto& record : evidence_.records) {
        record.at += record.token == "p1-3" && record.who == "w2.1" ? 200'000 : 0;
    }
    expect_broken(Must::start_in_time);
    // A worker that took it and died before it began it explains one lease.
    redis().events[3].failures = {lost_lease_of_process(7800, 303)};
    for (auto& record : evidence_.records) {
        record.epoch = record.token == "p1-3" && record.epoch > 0 ? by_redis(8100) : record.epoch;
    }
    at(10, "w3.1", What::spawned, "303");
    expect_broken(Must::start_in_time);  // nothing happened to it
    at(5800, "w3.1", What::killed);
    expect_all_well();
    EXPECT_EQ(judge().first_start.raw, 3100 * 1000 - 500);
}

TEST_F(AuditTest, AnEventWaitsForThoseBeforeIt) {
    publish(5000, "p1-3", 3);
    publish(5001, "p1-4", 4);
    for (const auto id : {3, 4}) {
        start(6900 + (id - 3) * 2000, "w2.1", id, by_redis(6900 + (id - 3) * 2000));
        end(6910 + (id - 3) * 2000, "w2.1", id, by_redis(6900 + (id - 3) * 2000), "ok");
        processed(id, "w2.1");
    }
    expect_all_well();
    EXPECT_EQ(judge().first_start.time, 2000 * 1000);
    EXPECT_EQ(judge().first_start.raw, 3899 * 1000 - 500);
    // A later one that overtook it is no excuse.
    std::swap(redis().events[3], redis().events[4]);
    for (auto& record : evidence_.records) {
        record.id = record.token == "p1-3" ? 4 : record.token == "p1-4" ? 3 : record.id;
    }
    expect_broken(Must::start_in_time);
}

TEST_F(AuditTest, ThreadsThatAnotherGroupLeavesForAMomentAreFree) {
    publish(5000, "p1-3", 3);
    start(8900, "w2.1", 3, by_redis(8900));
    end(8910, "w2.1", 3, by_redis(8900), "ok");
    processed(3, "w2.1");
    const auto occupy = [this](Micros rest) {
        std::erase_if(evidence_.records, [](const Record& r) { return r.token == "other"; });
        for (Micros ms = 4900; ms < 8700; ms += 100) {
            for (int i = 0; i < evidence_.terms.concurrency; ++i) {
                Record record{.at = ms * 1000,
                              .who = "w2.1",
                              .what = What::start,
                              .where = {.group = "long"},
                              .token = "other",
                              .id = 9,
                              .epoch = by_redis(ms) + i};
                evidence_.records.push_back(record);
                record.at += (100 - rest) * 1000;
                record.what = What::end;
                evidence_.records.push_back(record);
            }
        }
    };
    occupy(0);
    expect_all_well();
    occupy(1);
    expect_broken(Must::start_in_time);
}

TEST_F(AuditTest, LongHandlersOfAnotherGroupExcuseWhereTheyTakeTheThreads) {
    publish(5000, "p1-3", 3);
    start(8900, "w2.1", 3, 8900);
    end(8910, "w2.1", 3, 8900, "ok");
    processed(3, "w2.1");
    expect_broken(Must::start_in_time);
    const auto occupy = [this](int threads, const Place& where) {
        std::erase_if(evidence_.records, [](const Record& r) { return r.token == "other"; });
        for (int i = 0; i < threads; ++i) {
            for (const auto what : {What::start, What::end}) {
                evidence_.records.push_back({.at = (what == What::start ? 4900 : 8800) * 1000 + i,
                                             .who = "w2.1",
                                             .what = what,
                                             .where = where,
                                             .token = "other",
                                             .id = 9,
                                             .epoch = 5000 + i});
            }
        }
    };
    occupy(evidence_.terms.concurrency, {.group = "long"});
    expect_all_well();
    occupy(evidence_.terms.concurrency - 1, {.group = "long"});
    expect_broken(Must::start_in_time);
    // w2 has no manager: each type has threads of its own.
    occupy(evidence_.terms.concurrency, {.type = "Chore", .group = "default"});
    expect_broken(Must::start_in_time);
    // w1 has one.
    for (auto& record : evidence_.records) {
        record.who = record.who == "w2.1" ? "w1.2" : record.who;
    }
    redis().events[2].settles = redis().events[3].settles = {{"PROCESSED", "id-of-w2.1"}};
    expect_all_well();
}

TEST_F(AuditTest, EachGroupHasToDoEachEvent) {
    const Place usual{.server = "r1", .type = "Entry", .group = "default"};
    const Place other{.server = "r1", .type = "Entry", .group = "long"};
    const auto records = std::exchange(evidence_.records, {});
    for (auto record : records) {
        if (record.token.empty() || record.what == What::intend || record.what == What::acked) {
            record.where = record.token.empty() ? Place() : Place{.server = "r1", .type = "Entry"};
            evidence_.records.push_back(record);
            continue;
        }
        for (const auto& place : {usual, other}) {
            record.where = place;
            evidence_.records.push_back(record);
        }
    }
    const auto stored = redis();
    evidence_.stored = {{usual, stored}, {other, stored}};
    expect_all_well();
    EXPECT_EQ(judge().acked, 2);
    EXPECT_EQ(judge().processed, 4);
    evidence_.stored[other].events[1].places = {"beyond"};
    evidence_.stored[other].events[1].settles.clear();
    expect_broken(Must::nothing_lost);
    EXPECT_EQ(judge().findings.at(0).where, other);
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
