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

TEST(HandlerPool, TellsHowManyThreadsOthersUse) {
    const int mine = 0;
    const int theirs = 0;
    std::promise<void> started;
    std::promise<void> go_on;
    std::promise<void> told;
    HandlerPool pool(2);
    EXPECT_EQ(pool.busy_with_others(&mine), 0);
    std::vector<HandlerPool::Work> work;
    work.emplace_back([&] {
        started.set_value();
        go_on.get_future().wait();
    });
    pool.submit(&theirs, std::move(work));
    started.get_future().wait();
    EXPECT_EQ(pool.busy_with_others(&mine), 1);
    EXPECT_EQ(pool.busy_with_others(&theirs), 0);
    bool at_once = false;
    pool.when_less_busy(&mine, 2, [&] { at_once = true; });
    EXPECT_TRUE(at_once) << "it is so already";
    pool.when_less_busy(&mine, 1, [&] { told.set_value(); });
    const auto is_told = told.get_future();
    EXPECT_EQ(is_told.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
    go_on.set_value();
    EXPECT_EQ(is_told.wait_for(std::chrono::seconds(60)), std::future_status::ready);
    EXPECT_EQ(pool.busy_with_others(&mine), 0);
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
