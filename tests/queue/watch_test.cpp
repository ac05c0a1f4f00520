#include "queue/backends.hpp"

namespace eventy::test {
namespace {

class Watching : public OnEachBackend {};
EVENTY_ON_EACH_BACKEND(Watching);

TEST_P(Watching, SeesPublishesAndOutcomesOfAnyone) {
    const auto queue = open();
    const auto other = open();
    Seen<EventNotice> seen;
    const auto watch = queue.watch([&](const EventNotice& notice) { seen.add(notice); });
    EXPECT_FALSE(watch.id().empty());
    const auto published = other.publish({});
    auto notices = seen.wait_for(1);
    ASSERT_EQ(notices.size(), 1U);
    EXPECT_EQ(notices[0].event_id, published.id);
    EXPECT_EQ(notices[0].status, EventStatus::pending);
    EXPECT_EQ(notices[0].worker_id, published.worker_id);
    const auto subscription = other.subscribe([](const QueueEvent<Order>& event) {
        if (event.id == 2) {
            throw std::runtime_error("no");
        }
    });
    notices = seen.wait_for(2);
    ASSERT_EQ(notices.size(), 2U);
    EXPECT_EQ(notices[1].status, EventStatus::processed);
    EXPECT_EQ(notices[1].worker_id, other.get_subscriber(subscription.id()).worker_id);
    (void)other.publish({});
    notices = seen.wait_for(4);
    ASSERT_EQ(notices.size(), 4U);
    EXPECT_EQ(notices[3].status, EventStatus::error);
    EXPECT_EQ(notices[3].event_id, 2);
}

TEST_P(Watching, TakesNothing) {
    const auto queue = open();
    Seen<EventNotice> seen;
    const auto watch = queue.watch([&](const EventNotice& notice) { seen.add(notice); });
    (void)queue.publish({});
    seen.wait_for(1);
    EXPECT_EQ(queue.get_event(1).status, EventStatus::pending);
    EXPECT_TRUE(queue.search_subscribers().items.empty());
}

TEST_P(Watching, EndsWithItsSubscription) {
    const auto queue = open();
    Seen<EventId> ended;
    Seen<EventId> going_on;
    auto one = queue.watch([&](const EventNotice& notice) { ended.add(notice.event_id); });
    const auto two = queue.watch([&](const EventNotice& notice) { going_on.add(notice.event_id); });
    (void)queue.publish({});
    ended.wait_for(1);
    one.unsubscribe();
    (void)queue.publish({});
    EXPECT_EQ(going_on.wait_for(2).size(), 2U);
    EXPECT_EQ(ended.now().size(), 1U);
}

TEST_P(Watching, MayUseTheQueueAndEndItself) {
    const auto queue = open();
    Subscription watch;
    Signal ready;
    Signal ended;
    watch = queue.watch([&](const EventNotice& notice) {
        EXPECT_TRUE(ready.wait());
        EXPECT_EQ(queue.get_event(notice.event_id).id, notice.event_id);
        watch.unsubscribe();
        ended.set();
        throw std::runtime_error("a watcher's exception is logged and harms nothing");
    });
    set_logger([](LogLevel, std::string_view) {});
    ready.set();
    (void)queue.publish({});
    EXPECT_TRUE(ended.wait());
    (void)queue.publish({});
    EXPECT_TRUE(queue.close());
    set_logger(nullptr);
}

TEST_P(Watching, AnExceptionWithoutWordsEndsNoWatcher) {
    Seen<std::string> logged;
    set_logger([&](LogLevel level, std::string_view line) {
        if (level == LogLevel::error) {
            logged.add(std::string(line));
        }
    });
    const auto queue = open();
    Seen<EventId> seen;
    const auto watch = queue.watch([&](const EventNotice& notice) {
        seen.add(notice.event_id);
        throw Wordless();
    });
    (void)queue.publish_all(std::vector<Order>(2));
    EXPECT_EQ(seen.wait_for(2).size(), 2U);
    EXPECT_TRUE(queue.close());
    set_logger(nullptr);
    EXPECT_EQ(logged.now(),
              std::vector<std::string>(2, "a watcher threw: an exception whose what() is a null pointer"));
}

TEST_P(Watching, ASlowWatcherIsToldWhereNoticesWereDropped) {
    set_logger([](LogLevel, std::string_view) {});
    const auto queue = open({.concurrency = 1});
    Signal begun;
    Signal go_on;
    Seen<EventId> seen;  // 0: a gap
    const auto watch = queue.watch(
        [&](const EventNotice& notice) {
            begun.set();
            EXPECT_TRUE(go_on.wait());
            seen.add(notice.event_id);
        },
        [&] { seen.add(0); });
    (void)queue.publish({});
    ASSERT_TRUE(begun.wait());
    // One is with the watcher, 10,000 wait, some are dropped; once the last has passed the channel, all have.
    Signal passed;
    const auto other = queue.watch([&](const EventNotice& notice) {
        if (notice.event_id == 10'201) {
            passed.set();
        }
    });
    for (int i = 0; i < 102; ++i) {
        (void)queue.publish_all(std::vector<Order>(100));
    }
    ASSERT_TRUE(passed.wait());
    go_on.set();
    EXPECT_TRUE(eventually([&] { return !seen.now().empty() && seen.now().back() == 0; }));
    const auto before = seen.now();
    EXPECT_EQ(before.size(), 10'002U);
    EXPECT_EQ(std::count(before.begin(), before.end(), 0), 1);
    (void)queue.publish({});
    EXPECT_EQ(seen.wait_for(before.size() + 1).back(), 10'202);
    set_logger(nullptr);
}

TEST_P(Watching, AnEmptyCallbackIsRefused) {
    EXPECT_EQ(thrown([&] { (void)open().watch(nullptr); }), errc::invalid_argument);
}

}  // namespace
}  // namespace eventy::test
