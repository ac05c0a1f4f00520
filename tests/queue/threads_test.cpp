// How many threads there are, and when they begin.
#include <algorithm>
#include <barrier>
#include <filesystem>
#include <set>
#include <thread>

#include "queue/backends.hpp"

namespace eventy::test {
namespace {

std::set<std::string> threads_of_this_process() {
    std::set<std::string> ids;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        ids.insert(entry.path().filename().string());
    }
    return ids;
}

class Threads : public OnEachBackend {
protected:
    /// Those that began after the fixture was made. What ends meanwhile, of an earlier test, does not matter.
    int begun() const {
        const auto now = threads_of_this_process();
        return static_cast<int>(
            std::count_if(now.begin(), now.end(), [&](const std::string& id) { return !before_.contains(id); }));
    }

    /// A queue or manager with the default concurrency.
    EventQueue<Order> open_plain() { return open({.concurrency = std::nullopt}); }
    QueueManager open_plain_manager() {
        if (on_redis()) {
            return RedisQueueManager({.redis_client = new_client(), .key_prefix = prefix_});
        }
        return MemoryQueueManager({.store = store_, .key_prefix = prefix_});
    }

    /// Each handler waits until as many run as the machine has threads; never do more.
    static void expect_as_many_at_once_as_hardware_threads(const EventQueue<Order>& queue) {
        constexpr int rounds = 5;
        const int expected = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
        std::atomic<int> running{0};
        std::atomic<int> most{0};
        std::barrier together(expected);  // passes only if so many run at once
        const auto subscription = queue.subscribe([&](const QueueEvent<Order>&) {
            const int now = ++running;
            int seen = most;
            while (now > seen && !most.compare_exchange_weak(seen, now)) {
            }
            together.arrive_and_wait();
            --running;
        });
        (void)queue.publish_all(std::vector<Order>(static_cast<std::size_t>(expected * rounds)));
        ASSERT_TRUE(queue.wait_idle(patience));
        EXPECT_EQ(most, expected);
    }

private:
    std::set<std::string> before_ = threads_of_this_process();
};
EVENTY_ON_EACH_BACKEND(Threads);

TEST_P(Threads, AQueueStartsThoseOfItsHandlersWithTheFirstSubscriber) {
    const auto queue = open({.concurrency = 7});
    for (int i = 0; i < 20; ++i) {
        (void)queue.publish({});
    }
    (void)queue.get_event(1);
    (void)queue.search_events();
    (void)queue.stats();
    // The one that talks to Redis; the memory store's is as old as the store.
    const int alone = begun();
    EXPECT_EQ(alone, on_redis() ? 1 : 0);
    Signal called;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>&) { called.set(); });
    ASSERT_TRUE(called.wait());
    EXPECT_EQ(begun(), alone + 7);
}

TEST_P(Threads, AManagerStartsThoseOfItsHandlersWithTheFirstSubscriber) {
    const auto manager = open_its_manager();  // of 4 threads
    manager.register_type<Order>();
    manager.register_type<std::string>("Text");
    const auto& queue = manager.get_event_queue<Order>();
    const auto& texts = manager.get_event_queue<std::string>("Text");
    (void)queue.publish({});
    (void)texts.publish("x");
    (void)queue.search_events();
    const int alone = begun();
    EXPECT_EQ(alone, on_redis() ? 1 : 0);
    Signal called, told;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>&) { called.set(); });
    ASSERT_TRUE(called.wait());
    EXPECT_EQ(begun(), alone + 4);
    const auto other = texts.subscribe([&](const QueueEvent<std::string>&) { told.set(); });
    ASSERT_TRUE(told.wait());
    EXPECT_EQ(begun(), alone + 4) << "the same ones";
}

TEST_P(Threads, AQueueHasAsManyHandlersAtOnceAsTheMachineHasThreads) {
    expect_as_many_at_once_as_hardware_threads(open_plain());
}

TEST_P(Threads, AManagerHasAsManyHandlersAtOnceAsTheMachineHasThreads) {
    const auto manager = open_plain_manager();
    manager.register_type<Order>();
    expect_as_many_at_once_as_hardware_threads(manager.get_event_queue<Order>());
}

}  // namespace
}  // namespace eventy::test
