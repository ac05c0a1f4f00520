#include "core/handler_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <latch>

namespace eventy::detail {
namespace {

TEST(HandlerPool, RunsAsManyAtOnceAsItHasThreads) {
    HandlerPool pool(3);
    std::latch all_running(3);  // passes only when three run at the same time
    std::vector<HandlerPool::Work> work;
    std::promise<void> done;
    std::atomic<int> left{3};
    for (int i = 0; i < 3; ++i) {
        work.emplace_back([&] {
            all_running.arrive_and_wait();
            if (--left == 0) {
                done.set_value();
            }
        });
    }
    pool.submit(nullptr, std::move(work));
    EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds(60)), std::future_status::ready);
}

TEST(HandlerPool, WithOneThreadTheOrderIsThatOfSubmission) {
    std::vector<int> order;
    {
        HandlerPool pool(1);
        std::promise<void> done;
        std::vector<HandlerPool::Work> work;
        for (int i = 0; i < 100; ++i) {
            work.emplace_back([&order, i] { order.push_back(i); });
        }
        work.emplace_back([&] { done.set_value(); });
        pool.submit(nullptr, std::move(work));
        done.get_future().wait();
    }
    ASSERT_EQ(order.size(), 100U);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(HandlerPool, ItsEndWaitsForWhatRunsAndDropsTheRest) {
    std::atomic<bool> finished{false};
    std::atomic<bool> second_ran{false};
    std::promise<void> started;
    std::promise<void> go_on;
    std::thread releaser;
    {
        HandlerPool pool(1);
        std::vector<HandlerPool::Work> work;
        work.emplace_back([&] {
            started.set_value();
            go_on.get_future().wait();
            finished = true;
        });
        work.emplace_back([&] { second_ran = true; });
        pool.submit(nullptr, std::move(work));
        started.get_future().wait();
        releaser = std::thread([&] { go_on.set_value(); });
    }
    EXPECT_TRUE(finished);
    releaser.join();
    // The second may have begun before the pool's end was seen; what matters is that nothing runs any more now.
    (void)second_ran;
}

TEST(HandlerPool, KeepsAThreadForWhoAsksAsSoonAsOneIsLeft) {
    const int mine = 0;
    const int theirs = 0;
    std::promise<void> started;
    std::promise<void> go_on;
    std::promise<void> told;
    std::promise<void> ran;
    std::atomic<bool> theirs_ran{false};
    HandlerPool pool(1);
    EXPECT_EQ(pool.used_by_others(&mine), 0);
    std::vector<HandlerPool::Work> work;
    work.emplace_back([&] {
        started.set_value();
        go_on.get_future().wait();
    });
    work.emplace_back([&] { theirs_ran = true; });
    pool.submit(&theirs, std::move(work));
    started.get_future().wait();
    EXPECT_EQ(pool.used_by_others(&mine), 1);
    EXPECT_EQ(pool.used_by_others(&theirs), 0);
    pool.ask(&mine, 1, [&] { told.set_value(); });
    const auto is_told = told.get_future();
    EXPECT_EQ(is_told.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
    go_on.set_value();
    ASSERT_EQ(is_told.wait_for(std::chrono::seconds(60)), std::future_status::ready);
    EXPECT_EQ(pool.used_by_others(&mine), 0) << "though others have work";
    EXPECT_EQ(pool.used_by_others(&theirs), 1);
    EXPECT_FALSE(theirs_ran);
    std::vector<HandlerPool::Work> own;
    own.emplace_back([&] { ran.set_value(); });
    pool.submit(&mine, std::move(own));
    EXPECT_EQ(ran.get_future().wait_for(std::chrono::seconds(60)), std::future_status::ready);
}

TEST(HandlerPool, WhatIsReleasedRunsOthersWork) {
    const int mine = 0;
    const int theirs = 0;
    std::promise<void> ran;
    HandlerPool pool(2);
    pool.keep(&mine, 5);
    EXPECT_EQ(pool.used_by_others(&theirs), 2);
    std::vector<HandlerPool::Work> work;
    work.emplace_back([&] { ran.set_value(); });
    pool.submit(&theirs, std::move(work));
    auto has_run = ran.get_future();
    EXPECT_EQ(has_run.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
    pool.release(&mine);
    EXPECT_EQ(has_run.wait_for(std::chrono::seconds(60)), std::future_status::ready);
}

TEST(HandlerPool, WhoLeavesIsToldNothing) {
    const int mine = 0;
    const int theirs = 0;
    bool told = false;
    HandlerPool pool(1);
    pool.keep(&theirs, 1);
    pool.ask(&mine, 1, [&] { told = true; });
    pool.leave(&mine);
    pool.leave(&theirs);
    EXPECT_EQ(pool.used_by_others(&mine), 0);
    EXPECT_FALSE(told);
    pool.ask(&mine, 1, [&] { told = true; });
    EXPECT_TRUE(told) << "one is idle";
}

TEST(HandlerPool, CanEndOnItsOwnThread) {
    std::promise<void> ended;
    auto pool = std::make_shared<HandlerPool>(2);
    std::vector<HandlerPool::Work> work;
    work.emplace_back([&ended, own = pool]() mutable {
        own.reset();
        ended.set_value();
    });
    auto* raw = pool.get();
    raw->submit(nullptr, {[keep = std::exchange(pool, nullptr), work = std::move(work)]() mutable {
                    keep->submit(nullptr, std::move(work));
                }});
    EXPECT_EQ(ended.get_future().wait_for(std::chrono::seconds(60)), std::future_status::ready);
}

}  // namespace
}  // namespace eventy::detail
