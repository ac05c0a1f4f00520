// Evidence to be spoiled.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "ledger/audit.hpp"
#include "ledger/report.hpp"

namespace eventy::ledger {

/// Evidence of a run in which all is well, to be spoiled: event 1 of token p1-1, published by p1.1 and processed once
/// by w1.1; event 2, handled by w1.1 until it is killed, and then by w2.1. Times in ms.
class AuditTest : public testing::Test {
protected:
    AuditTest() {
        evidence_.terms = {.lease = std::chrono::milliseconds(2000),
                           .handler_timeout = std::chrono::milliseconds(3000)};
        at(0, "w1.1", What::subscribed);
        at(0, "w2.1", What::subscribed);
        publish(1, "p1-1", 1);
        publish(10, "p1-2", 2);
        start(100, "w1.1", 1, 1000);
        end(110, "w1.1", 1, 1000, "ok");
        start(200, "w1.1", 2, 2000);
        at(300, "w1.1", What::killed);
        start(2400, "w2.1", 2, 3000);
        end(2410, "w2.1", 2, 3000, "ok");
        at(60000, "w2.1", What::terminated);
        processed(1, "w1.1");
        processed(2, "w2.1");
    }

    void at(Micros ms, const std::string& who, What what, const std::string& note = {}) {
        evidence_.records.push_back({.at = ms * 1000, .who = who, .what = what, .note = note});
    }
    void publish(Micros ms, const std::string& token, std::int64_t id) {
        evidence_.records.push_back({.at = ms * 1000, .who = "p1.1", .what = What::intend, .token = token});
        evidence_.records.push_back(
            {.at = ms * 1000 + 500, .who = "p1.1", .what = What::acked, .token = token, .id = id});
    }
    void run_record(Micros ms, const std::string& who, std::int64_t id, std::int64_t epoch, What what,
                    const std::string& note, int attempt) {
        evidence_.records.push_back({.at = ms * 1000,
                                     .who = who,
                                     .what = what,
                                     .token = "p1-" + std::to_string(id),
                                     .id = id,
                                     .epoch = epoch,
                                     .attempt = attempt,
                                     .note = note});
    }
    void start(Micros ms, const std::string& who, std::int64_t id, std::int64_t epoch, int attempt = 1) {
        run_record(ms, who, id, epoch, What::start, "id-of-" + who, attempt);
    }
    void end(Micros ms, const std::string& who, std::int64_t id, std::int64_t epoch, const std::string& how,
             int attempt = 1) {
        run_record(ms, who, id, epoch, What::end, how, attempt);
    }
    void stored(std::int64_t id, StoredEvent event) {
        redis().last_id = redis().cursor = std::max(redis().last_id, id);
        redis().events[id] = std::move(event);
    }
    void processed(std::int64_t id, const std::string& who) {
        stored(id, {.token = "p1-" + std::to_string(id),
                    .status = "PROCESSED",
                    .places = {"done"},
                    .settles = {{"PROCESSED", "id-of-" + who}}});
    }
    /// That time in µs of Redis's clock, which is 99 ms behind: run 1 began so long after its epoch.
    static Micros by_redis(Micros ms) { return ms * 1000 - 99'000; }
    StoredFailure lost_lease(Micros ms, const std::string& who) {
        return {.at = by_redis(ms), .lost_lease = true, .worker = "id-of-" + who};
    }
    /// Of a worker that is known by its process only, because it never began anything.
    StoredFailure lost_lease_of_process(Micros ms, int process) {
        return {.at = by_redis(ms), .lost_lease = true, .worker = "a-host-" + std::to_string(process) + "-1f"};
    }
    /// What was done so far to the event was given up, and a retry by hand ended that.
    void retry(Micros asked, Micros confirmed, std::int64_t id, std::int64_t last_epoch) {
        run_record(asked, "p1.1", id, 0, What::retrying, "", 0);
        run_record(confirmed, "p1.1", id, 0, What::retried, "taken up", 0);
        auto& event = redis().events[id];
        event.before.push_back({.last_epoch = last_epoch, .settles = std::move(event.settles)});
        event.settles.clear();
        ++event.retries;
    }
    /// Without the run of event 2 that follows w1.1's death.
    void remove_runs_of(const std::string& who) {
        std::erase_if(evidence_.records, [&](const Record& r) { return r.who == who && !r.token.empty(); });
    }

    Verdict judge() {
        sort_by_time(evidence_.records);
        return audit(evidence_);
    }
    /// Exactly this must is broken, so often; and the report says so.
    void expect_broken(Must must, std::int64_t times = 1) {
        const Verdict verdict = judge();
        for (std::size_t i = 0; i < musts; ++i) {
            const auto each = static_cast<Must>(i);
            EXPECT_EQ(verdict.broken(each), each == must ? times : 0)
                << "must " << i << tell_findings(verdict, evidence_);
        }
        EXPECT_NE(make_table(verdict, evidence_.terms).find("BROKEN"), std::string::npos);
        EXPECT_NE(tell_findings(verdict, evidence_).find("BROKEN"), std::string::npos);
    }
    void expect_all_well() {
        const Verdict verdict = judge();
        EXPECT_TRUE(verdict.findings.empty()) << tell_findings(verdict, evidence_);
        EXPECT_EQ(make_table(verdict, evidence_.terms).find("BROKEN"), std::string::npos);
    }

    StoredState& redis() { return evidence_.stored[Place()]; }

    Evidence evidence_;
};

}  // namespace eventy::ledger
