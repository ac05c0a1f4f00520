// What a forked child can do with the queues of its parent: nothing, and it is told so.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "queue/backends.hpp"

#if defined(__SANITIZE_THREAD__)
#define EVENTY_THREADS_AFTER_FORK 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EVENTY_THREADS_AFTER_FORK 0
#endif
#endif
#ifndef EVENTY_THREADS_AFTER_FORK
#define EVENTY_THREADS_AFTER_FORK 1  // ThreadSanitizer ends a child that starts threads
#endif

namespace eventy::test {
namespace {

class Forking : public OnEachBackend {};
EVENTY_ON_EACH_BACKEND(Forking);

/// Runs it in a child and says how that ended: 0, or the number of the first check that failed, or a signal's.
template <class F>
int in_child(F checks) {
    const pid_t child = ::fork();
    if (child == 0) {
        std::signal(SIGALRM, SIG_DFL);
        ::alarm(static_cast<unsigned>(patience.count()));  // a child that hangs ends by it
        ::_exit(checks());
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST_P(Forking, CallsInTheChildAreRefusedAndEndsDoNotHang) {
    std::optional<EventQueue<Order>> queue(open());
    std::optional<QueueManager> manager(open_its_manager(prefix_ + "m"));
    manager->register_type<Order>();
    Seen<EventId> handled;
    Seen<EventId> noticed;
    std::optional<Subscription> subscription(
        queue->subscribe([&](const QueueEvent<Order>& event) { handled.add(event.id); }));
    std::optional<Subscription> watch(queue->watch([&](const EventNotice& notice) { noticed.add(notice.event_id); }));
    (void)queue->publish({});
    ASSERT_EQ(handled.wait_for(1).size(), 1U);
    const int outcome = in_child([&] {
        int number = 0;
        std::string what;
        const auto refused = [&](const std::function<void()>& call) {
            ++number;
            return thrown(call, &what) == errc::closed && what.find("before fork()") != std::string::npos;
        };
        const bool all_refused =
            refused([&] { (void)queue->publish({}); }) && refused([&] { (void)queue->get_event(1); }) &&
            refused([&] { (void)queue->search_events(); }) && refused([&] { (void)queue->count_events(); }) &&
            refused([&] { (void)queue->stats(); }) && refused([&] { (void)queue->wait_idle(10s); }) &&
            refused([&] { (void)queue->subscribe([](const QueueEvent<Order>&) {}); }) &&
            refused([&] { (void)queue->watch([](const EventNotice&) {}); }) &&
            refused([&] { (void)queue->unsubscribe("x"); }) && refused([&] { (void)queue->search_subscribers(); }) &&
            refused([&] { (void)manager->get_event_queue<Order>(); }) &&
            refused([&] { manager->register_type<std::string>("Text"); }) &&
            refused([&] { (void)manager->get_queue_types(); });
        if (!all_refused) {
            return number;
        }
        if (!queue->close() || !manager->close()) {
            return 50;
        }
        watch->unsubscribe();
        subscription.reset();
        watch.reset();
        manager.reset();
        queue.reset();
        return 0;
    });
    EXPECT_EQ(outcome, 0);
    // And the parent goes on as if nothing had been.
    (void)queue->publish({});
    EXPECT_EQ(handled.wait_for(2).size(), 2U);
    EXPECT_GE(noticed.wait_for(2).size(), 2U);
    EXPECT_TRUE(queue->wait_idle(patience));
    (void)manager->get_event_queue<Order>().publish({});
}

TEST_P(Forking, AChildMayOpenQueuesOfItsOwn) {
    if (!on_redis() || EVENTY_THREADS_AFTER_FORK == 0) {
        GTEST_SKIP();
    }
    const auto queue = open();
    Seen<EventId> handled;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) { handled.add(event.id); });
    (void)queue.publish({});
    ASSERT_EQ(handled.wait_for(1).size(), 1U);
    const int outcome = in_child([&] {
        const auto its_own = open();
        return its_own.publish({}).id == 2 ? 0 : 1;
    });
    EXPECT_EQ(outcome, 0);
    EXPECT_EQ(handled.wait_for(2).size(), 2U);
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(queue.count_events({.status = EventStatus::processed}), 2);
}

TEST_P(Forking, AQueueOnTheParentsClientIsRefused) {
    if (!on_redis()) {
        GTEST_SKIP();
    }
    auto client = new_client();
    const int outcome = in_child([&] {
        const auto code = thrown([&] { const RedisEventQueue<Order> queue({.redis_client = client}); });
        client.reset();
        return code == errc::closed ? 0 : 1;
    });
    EXPECT_EQ(outcome, 0);
}

}  // namespace
}  // namespace eventy::test
