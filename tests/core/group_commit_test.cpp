#include "core/group_commit.hpp"

#include <gtest/gtest.h>

namespace eventy::detail {
namespace {

using Batches = GroupCommit<int>;

TEST(GroupCommit, TheFirstItemWaitsForNothing) {
    Batches batches({.items = 10, .bytes = 100});
    EXPECT_TRUE(batches.next().empty());
    EXPECT_TRUE(batches.idle());
    batches.add(1, 1, 1);
    EXPECT_EQ(batches.next(), std::vector<int>{1});
    EXPECT_FALSE(batches.idle());
}

TEST(GroupCommit, WhatComesMeanwhileGoesTogether) {
    Batches batches({.items = 10, .bytes = 100});
    batches.add(1, 1, 1);
    batches.next();
    batches.add(2, 1, 1);
    batches.add(3, 1, 1);
    EXPECT_TRUE(batches.next().empty()) << "one batch at a time";
    batches.answered();
    EXPECT_EQ(batches.next(), (std::vector<int>{2, 3}));
}

TEST(GroupCommit, SeveralBatchesMayBeOnTheirWay) {
    Batches batches({.items = 10, .bytes = 100, .in_flight = 2});
    batches.add(1, 1, 1);
    EXPECT_EQ(batches.next(), std::vector<int>{1});
    batches.add(2, 1, 1);
    EXPECT_EQ(batches.next(), std::vector<int>{2});
    batches.add(3, 1, 1);
    batches.add(4, 1, 1);
    EXPECT_TRUE(batches.next().empty());
    batches.answered();
    EXPECT_EQ(batches.next(), (std::vector<int>{3, 4}));
    batches.answered();
    EXPECT_FALSE(batches.idle());
    batches.answered();
    EXPECT_TRUE(batches.idle());
}

TEST(GroupCommit, KeepsToItsLimitsAndToTheOrder) {
    Batches batches({.items = 10, .bytes = 100});
    batches.add(1, 6, 10);
    batches.add(2, 6, 10);
    batches.add(3, 1, 95);
    batches.add(4, 1, 1);
    EXPECT_EQ(batches.next(), std::vector<int>{1});
    batches.answered();
    EXPECT_EQ(batches.next(), std::vector<int>{2}) << "3 would be over the bytes";
    batches.answered();
    EXPECT_EQ(batches.next(), (std::vector<int>{3, 4}));
}

TEST(GroupCommit, AnItemLargerThanTheLimitsGoesAlone) {
    Batches batches({.items = 10, .bytes = 100});
    batches.add(1, 1000, 5000);
    batches.add(2, 1, 1);
    EXPECT_EQ(batches.next(), std::vector<int>{1});
}

TEST(GroupCommit, WhatWaitsAtTheFrontCanBeTakenOut) {
    Batches batches({.items = 1});
    for (int i = 1; i <= 5; ++i) {
        batches.add(i, 1, 1);
    }
    EXPECT_EQ(batches.next(), std::vector<int>{1});
    EXPECT_EQ(batches.oldest_waiting(), 2);
    EXPECT_EQ(batches.take_waiting_while([](int i) { return i != 4; }), (std::vector<int>{2, 3}));
    EXPECT_EQ(batches.waiting(), 2U);
    EXPECT_TRUE(batches.next().empty()) << "one is on its way";
    batches.answered();
    EXPECT_EQ(batches.next(), std::vector<int>{4});
}

}  // namespace
}  // namespace eventy::detail
