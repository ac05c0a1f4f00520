#include "ledger/append_only_file.hpp"

#include <gtest/gtest.h>

namespace eventy::ledger {

namespace {

std::string command(const std::vector<std::string>& words) {
    std::string text = '*' + std::to_string(words.size()) + "\r\n";
    for (const auto& word : words) {
        text += '$' + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    }
    return text;
}

const std::string text =
    command({"MULTI"}) + command({"PERSIST", "ledger:index:Entry"}) +
    command({"HSET", "ledger:events:Entry:7", "status", "PROCESSED", "handled", "1 2 default a 1"}) +
    command({"HSET", "ledger:events:Entry:7", "status", "ERROR", "error", "line\r\nline", "handled", "3 4 long b 1"}) +
    "#TS:1\r\n" + command({"EXEC"}) + command({"HSET", "ledger:events:Entry:8", "id", "8", "status", "PENDING"}) +
    command({"HSET", "ledger:events:Entry:7", "handled", "5 6 default c 1", "status", "PROCESSED"});

TEST(LedgerAppendOnlyFile, TellsWhatEachGroupSettledInItsOrder) {
    const auto histories = parse_histories(text);
    const auto& groups = histories.at("ledger:events:Entry:7").groups;
    EXPECT_EQ(groups.at("default").settles, (std::vector<Settle>{{"PROCESSED", "a"}, {"PROCESSED", "c"}}));
    EXPECT_EQ(groups.at("long").settles, (std::vector<Settle>{{"ERROR", "b"}}));
    EXPECT_TRUE(histories.at("ledger:events:Entry:8").groups.empty());
}

TEST(LedgerAppendOnlyFile, WhatIsCutOffCountsForNothing) {
    std::size_t most = 0;
    for (std::size_t size = 0; size < text.size(); ++size) {
        std::size_t count = 0;
        for (const auto& [key, event] : parse_histories(text.substr(0, size))) {
            for (const auto& [name, group] : event.groups) {
                count += group.settles.size();
            }
        }
        EXPECT_GE(count, most);
        most = count;
    }
    EXPECT_EQ(most, 2U);
}

TEST(LedgerAppendOnlyFile, ARetryBeginsALifeInTheGroupsThatHadGivenItUp) {
    const std::string key = "ledger:events:Entry:7";
    const std::string given_up = command({"HSET", "ledger:meta:Entry", "gen", "x", "epoch", "100"}) +
                                 command({"HSET", key, "status", "ERROR", "handled", "1 2 default a 1"}) +
                                 command({"HSET", key, "status", "PROCESSED", "handled", "1 2 long a 1"}) +
                                 command({"HSET", key, "status", "ERROR", "error", "by hand", "discarded", "1"});
    const std::string retried = command({"MULTI"}) + command({"ZREM", "ledger:dead:Entry:default", "7"}) +
                                command({"HSET", key, "status", "PENDING"}) + command({"EXEC"});
    const auto event = parse_histories(given_up + retried).at(key);
    EXPECT_EQ(event.retries, 1);
    EXPECT_EQ(event.groups.at("default"), (GroupHistory{{{100, {{"ERROR", "a"}}, true}}, {}}));
    EXPECT_EQ(event.groups.at("long"), (GroupHistory{{}, {{"PROCESSED", "a"}}}));
    // One that waited for its next attempt in each group has still the same life.
    const std::string hastened = command({"MULTI"}) + command({"HSET", key, "status", "PENDING"}) + command({"EXEC"});
    const auto later = parse_histories(given_up + retried + hastened).at(key);
    EXPECT_EQ(later.retries, 2);
    EXPECT_EQ(later.groups, event.groups);
    // The sweep takes what is gone out of the set, and says nothing of the event.
    const std::string swept = command({"ZREM", "ledger:dead:Entry:default", "7"});
    EXPECT_EQ(parse_histories(given_up + swept + hastened).at(key).groups.at("default").before.size(), 0U);
}

TEST(LedgerAppendOnlyFile, TellsWhatIsGoneAndByWhen) {
    const std::string key = "ledger:events:Flash:7";
    const auto time = [](const std::string& field, const std::string& us) {
        return command({"HSET", "ledger:meta:Flash", field, us});
    };
    const std::string there = command({"HSET", key, "id", "7", "payload", "{}", "status", "PENDING"}) +
                              time("epoch", "100") + command({"ZADD", "ledger:dead:Flash:default", "1.5", "7"});
    EXPECT_FALSE(parse_histories(there).at(key).vanished);
    const std::string gone = there + command({"DEL", key});
    EXPECT_EQ(parse_histories(gone).at(key).vanished, (Vanished{.by = INT64_MAX, .last_epoch = 100}));
    const std::string later = gone + time("us", "200") + time("epoch", "300");
    EXPECT_EQ(parse_histories(later).at(key).vanished, (Vanished{.by = 200, .last_epoch = 100}));
    EXPECT_EQ(parse_histories(later).at(key).fields.at("payload"), "{}");
    // A settle of what is gone makes it anew for a moment; the sweep takes it out of the set.
    const std::string settled = later + command({"HSET", key, "status", "PROCESSED", "handled", "1 2 default a 1"}) +
                                command({"DEL", key}) + command({"ZREM", "ledger:dead:Flash:default", "7"});
    const auto event = parse_histories(settled).at(key);
    EXPECT_EQ(event.vanished, (Vanished{.by = 200, .last_epoch = 100, .late = {{"PROCESSED", "a"}}}));
    EXPECT_EQ(event.groups.at("default"), (GroupHistory{.dead = true}));
    // What Redis lost at a kill has no later life: the id is given again.
    const std::string anew = settled + command({"HSET", key, "id", "7", "payload", "[]"});
    EXPECT_FALSE(parse_histories(anew).at(key).vanished);
    EXPECT_EQ(parse_histories(anew).at(key).fields.at("payload"), "[]");
}

}  // namespace

}  // namespace eventy::ledger
