#include "core/thread_shares.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace eventy::detail {
namespace {

class ThreadSharesTest : public ::testing::Test {
protected:
    using Owner = ThreadShares::Owner;
    static constexpr std::array<int, 3> names{};
    const Owner a_ = &names[0], b_ = &names[1], c_ = &names[2];

    static std::vector<Owner> only(Owner owner) { return {owner}; }

    ThreadShares shares_{4};
};

TEST_F(ThreadSharesTest, WorkBeginsWhileThreadsAreIdle) {
    EXPECT_EQ(shares_.begin(), std::nullopt);
    shares_.submitted(a_, 5);
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(shares_.begin(), a_);
    }
    EXPECT_EQ(shares_.begin(), std::nullopt) << "four threads";
    shares_.ended(a_);
    EXPECT_EQ(shares_.begin(), a_);
    shares_.ended(a_);
    EXPECT_EQ(shares_.begin(), std::nullopt) << "no more work";
}

TEST_F(ThreadSharesTest, TwoDoNotFetchWorkForTheSameThread) {
    shares_.keep(a_, 3);
    EXPECT_EQ(shares_.used_by_others(b_), 3) << "a thread that is to run another's work is none for this one";
    shares_.keep(b_, 4);
    EXPECT_EQ(shares_.used_by_others(a_), 1);
    EXPECT_EQ(shares_.used_by_others(c_), 4);
    shares_.submitted(a_, 1);  // all that the fetch brought
    EXPECT_FALSE(shares_.release(a_)) << "nothing else waits for a thread";
    EXPECT_EQ(shares_.used_by_others(b_), 1);
    EXPECT_EQ(shares_.begin(), a_);
    EXPECT_EQ(shares_.used_by_others(b_), 1) << "what runs is counted once";
}

TEST_F(ThreadSharesTest, WorkThatAnIdleThreadIsAboutToBeginCountsAsUsed) {
    shares_.submitted(a_, 1000);
    EXPECT_EQ(shares_.used_by_others(b_), 4);
    EXPECT_EQ(shares_.used_by_others(a_), 0);
    EXPECT_EQ(shares_.begin(), a_);
    EXPECT_EQ(shares_.used_by_others(b_), 4);
}

TEST_F(ThreadSharesTest, AThreadThatIsKeptRunsNoOthersWork) {
    shares_.keep(a_, 4);
    shares_.submitted(b_, 1);
    EXPECT_EQ(shares_.begin(), std::nullopt);
    EXPECT_TRUE(shares_.release(a_));
    EXPECT_EQ(shares_.begin(), b_);
    EXPECT_FALSE(shares_.release(a_)) << "nothing was kept";
}

TEST_F(ThreadSharesTest, WhoAsksGetsTheNextThreadThoughOthersHaveABacklog) {
    shares_.submitted(a_, 1000);
    for (int i = 0; i < 4; ++i) {
        ASSERT_EQ(shares_.begin(), a_);
    }
    shares_.ask(b_, 4);
    EXPECT_TRUE(shares_.take_told().empty());
    shares_.ended(a_);
    EXPECT_EQ(shares_.begin(), std::nullopt) << "it is kept for b";
    EXPECT_EQ(shares_.take_told(), only(b_));
    EXPECT_TRUE(shares_.take_told().empty()) << "once";
    shares_.submitted(b_, 1);
    EXPECT_EQ(shares_.begin(), b_);
}

TEST_F(ThreadSharesTest, WhoAsksIsToldAtOnceWhereAThreadHasBecomeIdleMeanwhile) {
    shares_.submitted(b_, 1);
    shares_.begin();
    shares_.ask(a_, 2);
    EXPECT_EQ(shares_.take_told(), only(a_));
    EXPECT_EQ(shares_.used_by_others(b_), 1);
    shares_.release(a_);
    shares_.ask(a_, 1);
    EXPECT_TRUE(shares_.take_told().empty()) << "the idle ones that it knew of were none for it";
    shares_.ended(b_);
    EXPECT_EQ(shares_.take_told(), only(a_));
}

TEST_F(ThreadSharesTest, WhatNobodyKeepsAnyMoreGoesToWhoAsks) {
    shares_.keep(a_, 4);
    shares_.ask(b_, 4);
    EXPECT_TRUE(shares_.take_told().empty());
    shares_.release(a_);
    EXPECT_EQ(shares_.take_told(), only(b_));
}

TEST_F(ThreadSharesTest, TheFewestThreadsComeFirst) {
    shares_.submitted(a_, 100);
    for (int i = 0; i < 4; ++i) {
        shares_.begin();
    }
    shares_.submitted(b_, 100);
    const auto next = [this](Owner ended) {
        shares_.ended(ended);
        return *shares_.begin();
    };
    EXPECT_EQ(next(a_), b_);
    EXPECT_EQ(next(a_), b_) << "2 of each now";
    EXPECT_EQ(next(a_), a_);
    EXPECT_EQ(next(b_), b_);
}

TEST_F(ThreadSharesTest, OfSeveralItIsTheTurnOfTheOneThatWaitsLongest) {
    ThreadShares one{1};
    std::vector<Owner> order;
    one.submitted(a_, 4);
    one.submitted(b_, 4);
    one.submitted(c_, 4);
    for (int i = 0; i < 6; ++i) {
        order.push_back(*one.begin());
        one.ended(order.back());
    }
    EXPECT_NE(order[0], order[1]);
    EXPECT_NE(order[1], order[2]);
    EXPECT_NE(order[0], order[2]);
    EXPECT_TRUE(std::equal(order.begin(), order.begin() + 3, order.begin() + 3));
}

TEST_F(ThreadSharesTest, WhoLeavesKeepsNothingAndAsksForNothing) {
    shares_.keep(a_, 3);
    shares_.submitted(a_, 1);
    shares_.ask(a_, 1);
    EXPECT_EQ(shares_.take_told(), only(a_));
    shares_.ask(a_, 1);
    EXPECT_FALSE(shares_.leave(a_)) << "no work of others waits";
    EXPECT_EQ(shares_.used_by_others(b_), 1) << "its work is still to be done";
    EXPECT_EQ(shares_.begin(), a_);
    EXPECT_FALSE(shares_.leave(a_));
    shares_.ended(a_);
    EXPECT_TRUE(shares_.take_told().empty());
    EXPECT_EQ(shares_.used_by_others(b_), 0);
    EXPECT_FALSE(shares_.leave(c_)) << "nobody knows it";
}

/// Whatever happens, no more threads run and are kept than there are, work begins while there are idle ones, and who
/// has none and asks for one gets it after what is kept for others and one turn of each of them.
TEST_F(ThreadSharesTest, RandomHistoriesKeepItsRules) {
    std::mt19937 random(1);
    for (int round = 0; round < 300; ++round) {
        const int threads = 1 + static_cast<int>(random() % 5);
        ThreadShares shares(threads);
        std::map<Owner, int> running, waiting, turns_since_it_asked;
        const auto running_now = [&] { return running[a_] + running[b_] + running[c_]; };
        for (int i = 0; i < 300; ++i) {
            const Owner one = &names.at(random() % 3);
            switch (random() % 6) {
                case 0:
                    shares.submitted(one, 1);
                    ++waiting[one];
                    break;
                case 1: shares.keep(one, static_cast<int>(random() % 3)); break;
                case 2: shares.release(one); break;
                case 3:
                    if (shares.used_by_others(one) == threads) {
                        turns_since_it_asked.try_emplace(one, 0);
                    }
                    shares.ask(one, shares.used_by_others(one) + static_cast<int>(random() % 2));
                    break;
                default:
                    if (running[one] > 0) {
                        shares.ended(one);
                        --running[one];
                    }
            }
            while (const auto begun = shares.begin()) {
                ++running[*begun];
                --waiting[*begun];
                turns_since_it_asked.erase(*begun);
                for (auto& [owner, turns] : turns_since_it_asked) {
                    ++turns;
                }
            }
            for (const Owner told : shares.take_told()) {
                turns_since_it_asked.erase(told);
                ASSERT_LT(shares.used_by_others(told), threads) << "it has one";
            }
            ASSERT_LE(running_now(), threads);
            for (const Owner owner : {a_, b_, c_}) {
                ASSERT_GE(waiting[owner], 0);
                ASSERT_LE(shares.used_by_others(owner), threads);
                ASSERT_GE(shares.used_by_others(owner), running_now() - running[owner]);
            }
            for (const auto& [owner, turns] : turns_since_it_asked) {
                ASSERT_LE(turns, threads + 2) << "others begin and begin, and one that asks gets nothing";
            }
            // Nothing is kept by anybody for long: then all that waits begins.
            if (i % 50 == 49) {
                for (const Owner owner : {a_, b_, c_}) {
                    shares.leave(owner);
                }
                turns_since_it_asked.clear();
                while (const auto begun = shares.begin()) {
                    ++running[*begun];
                    --waiting[*begun];
                }
                ASSERT_TRUE(running_now() == threads || waiting[a_] + waiting[b_] + waiting[c_] == 0);
            }
        }
    }
}

}  // namespace
}  // namespace eventy::detail
