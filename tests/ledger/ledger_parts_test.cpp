// The parts of the ledger that stand alone: records, files, the plan, conduct.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "ledger/conduct.hpp"
#include "ledger/fault_plan.hpp"
#include "ledger/ledger_file.hpp"
#include "ledger/record.hpp"
#include "ledger/terms.hpp"

namespace eventy::ledger {

namespace {

TEST(LedgerRecord, ALineIsReadAsItWasWritten) {
    for (int i = 0; i <= static_cast<int>(What::two_places); ++i) {
        const Record record{.at = 12,
                            .who = "w1.2",
                            .what = static_cast<What>(i),
                            .where = {.server = "r1", .type = "Entry", .group = "default"},
                            .token = "p1-7",
                            .id = 3,
                            .epoch = 4,
                            .attempt = 5,
                            .note = "words | and more"};
        EXPECT_EQ(parse_line(to_line(record)), record);
        EXPECT_EQ(parse_what(name_of(record.what)), record.what);
    }
    const Record bare{.at = 1, .who = "control", .what = What::cut};
    const Record half{.at = 1, .who = "w1.1", .what = What::cut, .where = {.server = "r2"}};
    EXPECT_EQ(parse_line(to_line(half)), half);
    EXPECT_EQ(parse_line(to_line(bare)), bare);
}

TEST(LedgerRecord, HalfALineIsNone) {
    const auto line =
        to_line({.at = 12, .who = "w1.2", .what = What::start, .token = "p1-7", .id = 3, .note = "worker"});
    for (std::size_t size = 0; size < line.size(); ++size) {
        EXPECT_FALSE(parse_line(line.substr(0, size))) << size;
    }
}

TEST(LedgerFile, IsReadByTimeAndWithoutWhatWasCutOff) {
    std::string folder = (std::filesystem::temp_directory_path() / "eventy-ledger-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    {
        LedgerFile one(folder + "/one.ledger", "one"), two(folder + "/two.ledger", "two");
        one.append({.what = What::intend, .token = "a"});
        two.append({.what = What::intend, .token = "b"});
        one.append({.who = "w1.1", .what = What::killed});
        std::ofstream(folder + "/two.ledger", std::ios::app) << "99 two inten";
    }
    const auto records = read_ledger(folder);
    std::filesystem::remove_all(folder);
    ASSERT_EQ(records.size(), 3U);
    EXPECT_EQ(records[0].token, "a");
    EXPECT_EQ(records[1].who, "two");
    EXPECT_EQ(records[2].who, "w1.1");
}

TEST(LedgerPlan, IsTheSameForTheSameSeedAndContainsEachKind) {
    const PlanTerms terms{.seed = 7, .time = std::chrono::seconds(20)};
    const auto plan = plan_faults(terms);
    EXPECT_EQ(plan, plan_faults(terms));
    EXPECT_NE(plan, plan_faults({.seed = 8, .time = std::chrono::seconds(20)}));
    std::set<FaultKind> kinds;
    for (std::size_t i = 0; i < plan.size(); ++i) {
        kinds.insert(plan[i].kind);
        const auto quiet = plan[i].kind == FaultKind::kill_redis ? plan[i].lasts + std::chrono::milliseconds(1500)
                                                                 : std::chrono::milliseconds(0);
        EXPECT_TRUE(i + 1 == plan.size() || plan[i + 1].at > plan[i].at + quiet) << i;
        if (plan[i].kind == FaultKind::stop_worker) {
            EXPECT_GT(plan[i].lasts, terms.lease);
        }
        EXPECT_FALSE(describe(plan[i]).empty());
    }
    EXPECT_EQ(kinds.size(), 11U);
}

TEST(LedgerPlan, StrikesOneServerOrOneProcess) {
    std::set<int> struck;
    for (const auto& fault : plan_faults({.seed = 7, .time = std::chrono::seconds(60), .servers = 3})) {
        const bool process = fault.kind <= FaultKind::terminate_worker;  // the others: a connection or a server
        EXPECT_EQ(fault.server == 0, process) << describe(fault);
        struck.insert(fault.server);
    }
    EXPECT_EQ(struck, (std::set{0, 1, 2, 3}));
}

TEST(LedgerConduct, IsOfEachGroupAndLongerInOne) {
    int differ = 0;
    std::map<std::string_view, int> slow;
    for (int i = 0; i < 20000; ++i) {
        const auto token = "p1-" + std::to_string(i);
        const auto one = conduct_for(1, token, 1, "w1.1", {Entry::event_name, default_group});
        const auto other = conduct_for(1, token, 1, "w1.1", {Entry::event_name, long_group});
        differ += one != other ? 1 : 0;
        slow[default_group] += one == Conduct::slow_to_the_end ? 1 : 0;
        slow[long_group] += other == Conduct::slow_to_the_end ? 1 : 0;
    }
    EXPECT_GT(differ, 1000);
    EXPECT_GT(slow[long_group], 1.5 * slow[default_group]);
}

TEST(LedgerConduct, IsTheSameForTheSameSeedAndOfEachKind) {
    std::set<Conduct> kinds;
    for (int i = 0; i < 20000; ++i) {
        const auto token = "p1-" + std::to_string(i);
        const auto conduct = conduct_for(1, token, 1, "w1.1", {Entry::event_name, default_group});
        kinds.insert(conduct);
        ASSERT_EQ(conduct, conduct_for(1, token, 1, "w1.1", {Entry::event_name, default_group}));
        if (conduct == Conduct::kills_always) {
            EXPECT_EQ(conduct_for(1, token, 3, "w4.9", {Entry::event_name, default_group}), Conduct::kills_always);
        }
    }
    EXPECT_EQ(kinds.size(), 10U);
    EXPECT_EQ(conduct_for(1, "feed-1", 1, "w1.1", {Entry::event_name, default_group}), Conduct::quick);
}

}  // namespace

}  // namespace eventy::ledger
