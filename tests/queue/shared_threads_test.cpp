// Groups of one queue share its handler threads; and no event lies where no thread is for it.
#include <semaphore>

#include "queue/backends.hpp"

namespace eventy::test {
namespace {

class SharedThreads : public OnEachBackend {};
EVENTY_ON_EACH_BACKEND(SharedThreads);

TEST_P(SharedThreads, AGroupWithABacklogKeepsNoOtherFromThem) {
    constexpr int count = 20'000;
    const auto queue = open({.concurrency = 1});
    std::atomic<int> handled{0}, handled_before{0};
    Signal busy, subscribed, met;
    const auto early = queue.subscribe(
        [&](const QueueEvent<Order>&) {
            if (++handled == 1000) {
                busy.set();
                subscribed.wait();
            }
        },
        {.group = "early"});
    for (int i = 0; i < count; i += 1000) {
        (void)queue.publish_all(std::vector<Order>(1000));
    }
    ASSERT_TRUE(busy.wait());
    const auto late = queue.subscribe(
        [&](const QueueEvent<Order>&) {
            int none = 0;
            handled_before.compare_exchange_strong(none, handled);
            met.set();
        },
        {.group = "late"});
    subscribed.set();
    ASSERT_TRUE(met.wait());
    EXPECT_LT(handled_before, count / 2);
}

TEST_P(SharedThreads, AGroupTakesNoEventForAThreadThatAnotherOneUses) {
    const auto queue = open({.concurrency = 1});
    Seen<EventId> slow, quick;
    std::counting_semaphore<> go_on{0};
    const auto long_ones = queue.subscribe(
        [&](const QueueEvent<Order>& event) {
            slow.add(event.id);
            go_on.acquire();
        },
        {.group = "slow"});
    const auto quick_ones =
        queue.subscribe([&](const QueueEvent<Order>& event) { quick.add(event.id); }, {.group = "quick"});
    for (std::size_t i = 1; i <= 20; ++i) {
        (void)queue.publish({});  // both wait for it, and there is one thread
        const bool began = slow.wait_for(i).size() == i;
        const bool waits = quick.now().size() < i;
        const auto taken = queue.stats().groups["quick"].leased;
        go_on.release();
        ASSERT_TRUE(began);
        EXPECT_TRUE(!waits || taken == 0) << "it lies here, while another process may be idle";
        ASSERT_EQ(quick.wait_for(i).size(), i);
        // Not while the thread is still busy with the quick one: for its group the next may be taken ahead then.
        ASSERT_TRUE(eventually([&] {
            auto stats = queue.stats();
            return stats.groups["slow"].leased + stats.groups["quick"].leased == 0;
        }));
    }
}

TEST_P(SharedThreads, WhatWasTakenAheadDoesNotLieBehindASlowHandler) {
    constexpr EventId count = 2000, slow_one = 1500;
    const auto busy = open({.concurrency = 1});
    const auto idle = open({.concurrency = 1});
    Seen<EventId> seen;
    Signal blocked, go_on;
    const auto ours = busy.subscribe([&](const QueueEvent<Order>& event) {
        if (event.id == slow_one) {
            blocked.set();
            go_on.wait();
        }
        seen.add(event.id);
    });
    (void)busy.publish_all(std::vector<Order>(count / 2));
    (void)busy.publish_all(std::vector<Order>(count / 2));
    const bool is_blocked = blocked.wait();  // with some of the others in hand, or none
    const auto theirs = idle.subscribe([&](const QueueEvent<Order>& event) { seen.add(event.id); });
    const auto handled = seen.wait_for(count - 1).size();
    go_on.set();
    ASSERT_TRUE(is_blocked);
    EXPECT_EQ(handled, static_cast<std::size_t>(count - 1));
}

}  // namespace
}  // namespace eventy::test
