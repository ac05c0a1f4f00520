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
    "#TS:1\r\n" + command({"EXEC"}) + command({"HSET", "ledger:events:Entry:8", "status", "PENDING"}) +
    command({"HSET", "ledger:events:Entry:7", "handled", "5 6 default c 1", "status", "PROCESSED"});

TEST(LedgerAppendOnlyFile, TellsWhatEachGroupSettledInItsOrder) {
    const auto settles = parse_settles(text);
    ASSERT_EQ(settles.size(), 1U);
    const auto& of_event = settles.at("ledger:events:Entry:7");
    EXPECT_EQ(of_event.at("default"), (std::vector<Settle>{{"PROCESSED", "a"}, {"PROCESSED", "c"}}));
    EXPECT_EQ(of_event.at("long"), (std::vector<Settle>{{"ERROR", "b"}}));
}

TEST(LedgerAppendOnlyFile, WhatIsCutOffCountsForNothing) {
    std::size_t most = 0;
    for (std::size_t size = 0; size < text.size(); ++size) {
        const auto settles = parse_settles(text.substr(0, size));
        std::size_t count = 0;
        for (const auto& [key, groups] : settles) {
            for (const auto& [group, all] : groups) {
                count += all.size();
            }
        }
        EXPECT_GE(count, most);
        most = count;
    }
    EXPECT_EQ(most, 2U);
}

}  // namespace

}  // namespace eventy::ledger
