// Groups of one queue, and queues of one manager, share their handler threads.
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
        ASSERT_TRUE(eventually([&] { return queue.stats().groups["slow"].leased == 0; }));
    }
}

}  // namespace
}  // namespace eventy::test
