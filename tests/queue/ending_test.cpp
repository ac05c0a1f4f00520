// How subscriptions, handles and queues end: who waits for whom.
#include <thread>

#include "queue/backends.hpp"

namespace eventy::test {
namespace {

class Ending : public OnEachBackend {};
EVENTY_ON_EACH_BACKEND(Ending);

/// A handler that says when it has begun and ends when it is told.
struct Held {
    Signal begun;
    Signal go_on;
    std::atomic<bool> finished{false};
    void run() {
        begun.set();
        EXPECT_TRUE(go_on.wait());
        finished = true;
    }
};

TEST_P(Ending, UnsubscribeWaitsForTheRunningHandler) {
    const auto queue = open();
    Held held;
    auto subscription = queue.subscribe([&](const QueueEvent<Order>&) { held.run(); });
    (void)queue.publish({});
    ASSERT_TRUE(held.begun.wait());
    std::thread releaser([&] { held.go_on.set(); });
    subscription.unsubscribe();
    EXPECT_TRUE(held.finished);
    releaser.join();
}

TEST_P(Ending, NoCallStartsAfterUnsubscribe) {
    const auto queue = open({.concurrency = 2});
    for (int round = 0; round < 50; ++round) {
        (void)queue.publish_all(std::vector<Order>(20));
        std::atomic<bool> ended{false};
        std::atomic<int> late{0};
        {
            Seen<EventId> seen;
            auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) {
                late += ended ? 1 : 0;
                seen.add(event.id);
            });
            seen.wait_for(1);
            subscription.unsubscribe();
            ended = true;
        }
        EXPECT_EQ(late, 0);
    }
    // What was taken and not begun went back: it can be taken at once, and nothing is lost.
    Seen<EventId> rest;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) { rest.add(event.id); });
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(queue.count_events({.status = EventStatus::processed}), 1000);
}

TEST_P(Ending, UnsubscribeInsideTheHandlerDoesNotWait) {
    const auto queue = open();
    Subscription subscription;
    Signal ended;
    Signal ready;
    subscription = queue.subscribe([&](const QueueEvent<Order>&) {
        EXPECT_TRUE(ready.wait());
        subscription.unsubscribe();
        ended.set();
    });
    ready.set();
    (void)queue.publish({});
    EXPECT_TRUE(ended.wait());
    (void)queue.publish({});
    EXPECT_TRUE(eventually([&] { return queue.count_events({.status = EventStatus::processed}) == 1; }));
    EXPECT_EQ(queue.count_events({.status = EventStatus::pending}), 1);
}

TEST_P(Ending, ASubscriptionMayOutliveItsQueue) {
    Subscription subscription;
    {
        const auto queue = open();
        subscription = queue.subscribe([](const QueueEvent<Order>&) {});
    }
    EXPECT_FALSE(subscription.id().empty());
    subscription.unsubscribe();
    Subscription moved = std::move(subscription);
    moved = Subscription();
}

TEST_P(Ending, TheLastHandleWaitsForHandlersAndKeepsTheirOutcomes) {
    Held held;
    EventId id = 0;
    std::thread releaser;
    {
        const auto queue = open();
        auto copy = std::make_unique<EventQueue<Order>>(queue);
        queue.subscribe([&](const QueueEvent<Order>&) { held.run(); }).detach();
        id = queue.publish({}).id;
        ASSERT_TRUE(held.begun.wait());
        copy.reset();
        EXPECT_FALSE(held.finished) << "not the last handle";
        releaser = std::thread([&] { held.go_on.set(); });
    }
    EXPECT_TRUE(held.finished);
    releaser.join();
    EXPECT_EQ(open().get_event(id).status, EventStatus::processed);
}

TEST_P(Ending, TheLastHandleDroppedInItsOwnHandlerEndsInTheBackground) {
    Signal dropped;
    Seen<std::string> logged;
    set_logger([&](LogLevel, std::string_view message) { logged.add(std::string(message)); });
    {
        auto queue = std::make_shared<std::optional<EventQueue<Order>>>(open());
        Signal ready;
        const auto subscription = (*queue)->subscribe([&, queue](const QueueEvent<Order>&) {
            EXPECT_TRUE(ready.wait());
            queue->reset();
            dropped.set();
        });
        (void)(*queue)->publish({});
        ready.set();
        ASSERT_TRUE(dropped.wait());
    }
    bool told = false;
    for (const auto& line : logged.now()) {
        told = told || line.find("in one of its own handlers") != std::string::npos;
    }
    EXPECT_TRUE(told);
    EXPECT_TRUE(eventually([&] { return open().count_events({.status = EventStatus::processed}) == 1; }));
    set_logger(nullptr);
}

TEST_P(Ending, CloseTakesNothingMoreAndHandsBackWhatHasNotBegun) {
    const auto queue = open({.concurrency = 1});
    const auto other = open({.concurrency = 1});
    Held held;
    queue
        .subscribe([&](const QueueEvent<Order>& event) {
            if (event.id == 1) {
                held.run();
            }
        })
        .detach();
    (void)queue.publish({});
    ASSERT_TRUE(held.begun.wait());
    (void)other.publish_all(std::vector<Order>(20));
    std::thread releaser([&] { held.go_on.set(); });
    EXPECT_TRUE(queue.close(patience));
    releaser.join();
    EXPECT_TRUE(held.finished);
    EXPECT_EQ(other.get_event(1).status, EventStatus::processed);
    Seen<EventId> seen;
    const auto subscription = other.subscribe([&](const QueueEvent<Order>& event) { seen.add(event.id); });
    ASSERT_TRUE(other.wait_idle(patience));
    EXPECT_EQ(other.count_events({.status = EventStatus::processed}), 21);
    EXPECT_TRUE(queue.close(0ms)) << "again: nothing more to do";
}

TEST_P(Ending, CloseReturnsByItsDeadlineAndTellsTheHandler) {
    const auto queue = open();
    Signal begun;
    Signal stopped;
    queue
        .subscribe([&](const QueueEvent<Order>&, Context& context) {
            begun.set();
            Signal stop;
            const std::stop_callback tell(context.stop_token(), [&] { stop.set(); });
            EXPECT_TRUE(stop.wait());
            stopped.set();
        })
        .detach();
    (void)queue.publish({});
    ASSERT_TRUE(begun.wait());
    EXPECT_FALSE(queue.close(20ms));
    EXPECT_TRUE(stopped.wait());
    EXPECT_TRUE(eventually([&] { return queue.close(0ms); }));
    EXPECT_EQ(open().get_event(1).status, EventStatus::processed) << "its outcome counts, it held the lease";
}

TEST_P(Ending, AfterCloseEveryCallSaysClosed) {
    const auto queue = open();
    const auto copy = queue;
    auto subscription = queue.subscribe([](const QueueEvent<Order>&) {});
    EXPECT_TRUE(queue.close());
    EXPECT_EQ(thrown([&] { (void)copy.publish({}); }), errc::closed);
    EXPECT_EQ(thrown([&] { (void)copy.publish_all(std::vector<Order>(2)); }), errc::closed);
    EXPECT_EQ(thrown([&] { (void)copy.get_event(1); }), errc::closed);
    EXPECT_EQ(thrown([&] { (void)copy.get_events({1}); }), errc::closed);
    EXPECT_EQ(thrown([&] { (void)copy.get_events(std::vector<EventId>{}); }), errc::closed);
    EXPECT_EQ(thrown([&] { (void)copy.search_events(); }), errc::closed);
    EXPECT_EQ(thrown([&] { (void)copy.count_events(); }), errc::closed);
    EXPECT_EQ(thrown([&] { (void)copy.subscribe([](const QueueEvent<Order>&) {}); }), errc::closed);
    EXPECT_EQ(thrown([&] { (void)copy.unsubscribe("x"); }), errc::closed);
    EXPECT_EQ(thrown([&] { (void)copy.search_subscribers(); }), errc::closed);
    EXPECT_EQ(thrown([&] { (void)copy.get_subscriber("x"); }), errc::closed);
    EXPECT_EQ(thrown([&] { (void)copy.watch([](const EventNotice&) {}); }), errc::closed);
    EXPECT_EQ(thrown([&] { (void)copy.stats(); }), errc::closed);
    EXPECT_EQ(thrown([&] { (void)copy.wait_idle(1ms); }), errc::closed);
    subscription.unsubscribe();
}

TEST_P(Ending, WaitsInAHandlerWouldDeadlock) {
    const auto queue = open();
    const auto other = open({.type = "Other"});
    Seen<std::optional<errc>> seen;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>&) {
        seen.add(thrown([&] { (void)queue.close(1ms); }));
        seen.add(thrown([&] { (void)queue.wait_idle(1ms); }));
        seen.add(thrown([&] { (void)other.wait_idle(1ms); }));
        seen.add(thrown([&] { (void)other.close(patience); }));
    });
    (void)queue.publish({});
    EXPECT_EQ(seen.wait_for(4), (std::vector<std::optional<errc>>{errc::would_deadlock, errc::would_deadlock,
                                                                  std::nullopt, std::nullopt}));
    EXPECT_TRUE(queue.wait_idle(patience)) << "and the queue is not closed";
}

TEST_P(Ending, WaitIdleGivesUpInTime) {
    const auto queue = open();
    EXPECT_TRUE(queue.wait_idle(0ms));
    (void)queue.publish({});
    EXPECT_FALSE(queue.wait_idle(5ms));
}

TEST_P(Ending, AWaitWithoutEndWaits) {
    const auto queue = open();
    Held first;
    queue.subscribe([&](const QueueEvent<Order>&) { first.run(); }).detach();
    (void)queue.publish({});
    ASSERT_TRUE(first.begun.wait());
    std::thread releaser([&] { first.go_on.set(); });
    EXPECT_TRUE(queue.wait_idle(milliseconds::max()));
    releaser.join();
    EXPECT_TRUE(queue.wait_idle(milliseconds::min())) << "it is idle, and there is nothing to wait for";
    EXPECT_TRUE(queue.close(milliseconds::max()));
}

TEST_P(Ending, ACloseWithoutEndWaitsForHandlers) {
    const auto queue = open();
    Held held;
    queue.subscribe([&](const QueueEvent<Order>&) { held.run(); }).detach();
    (void)queue.publish({});
    ASSERT_TRUE(held.begun.wait());
    EXPECT_FALSE(queue.close(milliseconds::min()));
    std::thread releaser([&] { held.go_on.set(); });
    EXPECT_TRUE(queue.close(milliseconds::max()));
    EXPECT_TRUE(held.finished);
    releaser.join();
}

TEST_P(Ending, SubscribingWhileItClosesStrandsNothing) {
    const auto observer = open();
    for (int round = 0; round < 60; ++round) {
        const auto queue = open({.concurrency = 2});
        (void)queue.publish_all(std::vector<Order>(3));
        Seen<std::string> subscribed;
        std::atomic<bool> closed{false};
        std::atomic<int> late{0}, other_errors{0};
        std::vector<std::thread> threads;
        for (int thread = 0; thread < 3; ++thread) {
            threads.emplace_back([&, thread] {
                for (int i = 0; !closed || i < 1000; ++i) {
                    const std::string group = "g" + std::to_string(thread) + "-" + std::to_string(i % 20);
                    const auto error = thrown([&] {
                        queue.subscribe([&](const QueueEvent<Order>&) { late += closed ? 1 : 0; }, {.group = group})
                            .detach();
                        subscribed.add(group);
                    });
                    if (error) {
                        other_errors += error != errc::closed ? 1 : 0;
                        return;
                    }
                }
            });
        }
        (void)subscribed.wait_for(static_cast<std::size_t>(round));
        EXPECT_TRUE(queue.close(patience));
        closed = true;
        for (auto& thread : threads) {
            thread.join();
        }
        EXPECT_EQ(late, 0);
        EXPECT_EQ(other_errors, 0);
        for (const auto& [group, stats] : observer.stats().groups) {
            ASSERT_EQ(stats.leased, 0) << group << ", round " << round;
        }
        ASSERT_TRUE(observer.search_subscribers().items.empty());
    }
}

TEST_P(Ending, AClosedWorkerIsNoSubscriberAnyMore) {
    const auto queue = open();
    const auto watcher = open();
    queue.subscribe([](const QueueEvent<Order>&) {}).detach();
    ASSERT_TRUE(eventually([&] { return watcher.search_subscribers().items.size() == 1; }));
    EXPECT_TRUE(queue.close());
    EXPECT_TRUE(watcher.search_subscribers().items.empty());
}

TEST_P(Ending, AQueueThatGoesWithItsConnectionIsNoSubscriberAnyMoreEither) {
    const auto watcher = open();
    {
        const auto queue = open();  // with a client of its own, which ends here as well
        queue.subscribe([](const QueueEvent<Order>&) {}).detach();
        ASSERT_TRUE(eventually([&] { return watcher.search_subscribers().items.size() == 1; }));
    }
    EXPECT_TRUE(watcher.search_subscribers().items.empty());
}

}  // namespace
}  // namespace eventy::test
