// Retries, dead letters and handlers that do not end, as a user meets them.
#include "queue/backends.hpp"

namespace eventy::test {
namespace {

class Retries : public OnEachBackend {
protected:
    static RetryPolicy quick(int attempts) {
        return {.max_attempts = attempts, .initial_backoff = 5ms, .multiplier = 1, .jitter = 0};
    }
};
EVENTY_ON_EACH_BACKEND(Retries);

TEST_P(Retries, AnEventIsTriedAgainUntilItSucceeds) {
    const auto queue = open({.retry = quick(5)});
    Seen<std::pair<int, std::string>> attempts;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event, Context& context) {
        EXPECT_EQ(event.attempt, context.attempt());
        attempts.add({context.attempt(), event.last_error});
        if (context.attempt() < 3) {
            throw std::runtime_error("attempt " + std::to_string(context.attempt()));
        }
    });
    const auto id = queue.publish({"A"}).id;
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(attempts.now(), (std::vector<std::pair<int, std::string>>{{1, ""}, {2, "attempt 1"}, {3, "attempt 2"}}));
    const auto event = queue.get_event(id);
    EXPECT_EQ(event.status, EventStatus::processed);
    EXPECT_EQ(event.attempt, 3);
    EXPECT_EQ(event.last_error, "");
    ASSERT_EQ(event.failures.size(), 2U);
    EXPECT_EQ(event.failures[1].error, "attempt 2");
    EXPECT_EQ(event.failures[1].worker_id, event.processed_by);
}

TEST_P(Retries, WithoutAttemptsLeftItIsADeadLetter) {
    const auto queue = open({.retry = quick(3)});
    Seen<int> attempts;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>&, Context& context) {
        attempts.add(context.attempt());
        throw std::runtime_error("always");
    });
    const auto id = queue.publish({"A"}).id;
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(attempts.now(), (std::vector<int>{1, 2, 3}));
    const auto event = queue.get_event(id);
    EXPECT_EQ(event.status, EventStatus::error);
    EXPECT_EQ(event.attempt, 3);
    EXPECT_EQ(event.last_error, "always");
    EXPECT_EQ(event.failures.size(), 3U);
}

TEST_P(Retries, OneAttemptIsTheDefault) {
    const auto queue = open();
    Seen<int> attempts;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>&, Context& context) {
        attempts.add(context.attempt());
        throw std::runtime_error("once");
    });
    const auto id = queue.publish({"A"}).id;
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(attempts.now(), std::vector<int>{1});
    EXPECT_EQ(queue.get_event(id).status, EventStatus::error);
}

TEST_P(Retries, AHandlerDecidesForItsEvent) {
    const auto queue = open({.retry = quick(3)});
    Seen<std::string> seen;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event, Context& context) {
        seen.add(event.payload.order_id + std::to_string(context.attempt()));
        if (event.payload.order_id == "reject") {
            throw Reject{"no such customer"};
        }
        if (context.attempt() < 6) {
            throw Retry{.after = 1ms, .reason = "not yet"};
        }
    });
    const auto rejected = queue.publish({"reject"}).id, retried = queue.publish({"retry"}).id;
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(seen.now().size(), 7U);
    EXPECT_EQ(queue.get_event(rejected).status, EventStatus::error);
    EXPECT_EQ(queue.get_event(rejected).last_error, "no such customer");
    const auto event = queue.get_event(retried);
    EXPECT_EQ(event.status, EventStatus::processed) << "more attempts than the policy has: the handler said so";
    EXPECT_EQ(event.attempt, 6);
}

TEST_P(Retries, AnUnreadablePayloadIsNotTriedAgain) {
    struct Refusing final : Serializer<Order> {
        std::string serialize(const Order&) const override { return "no order"; }
        Order deserialize(std::string_view) const override { throw std::runtime_error("not readable"); }
    };
    const auto queue = open<Order>({.retry = quick(5)}, std::make_shared<Refusing>());
    const auto subscription = queue.subscribe([](const QueueEvent<Order>&) {});
    (void)queue.publish({"A"});
    ASSERT_TRUE(queue.wait_idle(patience));
    const auto page = queue.search_events({.status = EventStatus::error});
    ASSERT_EQ(page.unreadable.size(), 1U);
    EXPECT_EQ(queue.stats().by_status.at(EventStatus::error), 1);
}

TEST_P(Retries, AnotherWorkerHasItAtOnceWhenTheOneThatKnowsIsBusy) {
    const auto busy = open({.concurrency = 1, .retry = {.max_attempts = 2, .initial_backoff = 50ms, .jitter = 0}});
    const auto idle = open({.concurrency = 1, .retry = quick(2)});
    Signal blocked, second, go_on;
    const auto a = busy.subscribe([&](const QueueEvent<Order>& event, Context& context) {
        if (event.payload.order_id == "block") {
            blocked.set();
            EXPECT_TRUE(go_on.wait());
        } else if (context.attempt() == 1) {
            (void)busy.publish({"block"});
            throw std::runtime_error("once more");
        }
    });
    (void)busy.publish({"fail"});
    ASSERT_TRUE(blocked.wait());
    const auto b = idle.subscribe([&](const QueueEvent<Order>&, Context& context) {
        EXPECT_EQ(context.attempt(), 2);
        second.set();
    });
    EXPECT_TRUE(second.wait());
    go_on.set();
    EXPECT_TRUE(busy.wait_idle(patience));
}

TEST_P(Retries, DeadLettersAreTakenUpAgainByHand) {
    const auto queue = open();
    std::atomic<bool> mended{false};
    Seen<EventId> processed;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) {
        if (!mended) {
            throw std::runtime_error("broken");
        }
        processed.add(event.id);
    });
    std::vector<Order> orders(250);
    const auto events = queue.publish_all(orders);
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(queue.count_events({.status = EventStatus::error}), 250);
    mended = true;
    EXPECT_TRUE(queue.retry_event(events[3].id));
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(processed.now(), std::vector<EventId>{events[3].id});
    EXPECT_FALSE(queue.retry_event(events[3].id)) << "it was processed";
    Seen<BulkProgress> steps;
    const auto count =
        queue.retry_all({.created_at_max = events[199].created_at}, [&](const BulkProgress& step) { steps.add(step); });
    EXPECT_EQ(count, 199);
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(queue.count_events({.status = EventStatus::error}), 50);
    EXPECT_EQ(queue.count_events({.status = EventStatus::processed}), 200);
    EXPECT_GE(steps.now().size(), 2U) << "in steps";
    EXPECT_EQ(steps.now().back().done, 199);
    EXPECT_EQ(steps.now().back().total, 199);
    EXPECT_EQ(queue.retry_all(), 50);
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(queue.retry_all(), 0);
    EXPECT_EQ(thrown([&] { (void)queue.retry_event(1'000'000); }), errc::event_not_found);
    EXPECT_EQ(thrown([&] { (void)queue.retry_all({.status = EventStatus::pending}); }), errc::invalid_argument);
}

TEST_P(Retries, WhatFailsAgainMeanwhileIsTakenUpOnce) {
    const auto queue = open();
    std::atomic<int> calls{0};
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>&) {
        ++calls;
        throw std::runtime_error("broken");
    });
    (void)queue.publish_all(std::vector<Order>(250));
    ASSERT_TRUE(queue.wait_idle(patience));
    const auto count = queue.retry_all({}, [&](const BulkProgress& step) {
        EXPECT_TRUE(queue.wait_idle(patience));  // those of this step are ERROR again
        EXPECT_EQ(calls, 250 + step.done);
        EXPECT_EQ(step.total, 250);
    });
    EXPECT_EQ(count, 250);
    EXPECT_EQ(calls, 500);
    EXPECT_EQ(queue.count_events({.status = EventStatus::error}), 250);
}

TEST_P(Retries, APolicyThatThrowsGivesUpWhereverItIsAsked) {
    const auto deciding = [](int, const std::string&) -> std::optional<milliseconds> {
        throw std::runtime_error("no idea");
    };
    const auto queue = open({.concurrency = 2, .retry = {.decide = deciding}, .handler_timeout = 50ms});
    const auto subscription = queue.subscribe([](const QueueEvent<Order>& event, Context& context) {
        if (event.payload.order_id == "hang") {
            Signal stopped;
            const std::stop_callback tell(context.stop_token(), [&] { stopped.set(); });
            EXPECT_TRUE(stopped.wait());
        }
        throw std::runtime_error("broken");
    });
    const auto failed = queue.publish({"fail"}).id, hanging = queue.publish({"hang"}).id;
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(queue.get_event(failed).status, EventStatus::error);
    EXPECT_EQ(queue.get_event(failed).last_error, "broken; and the retry policy threw: no idea");
    EXPECT_EQ(queue.get_event(hanging).status, EventStatus::error);
    EXPECT_EQ(queue.get_event(hanging).last_error,
              "the handler ran longer than the handler_timeout of 50 ms; and the retry policy threw: no idea");
}

TEST_P(Retries, ARunThatWasDiscardedUsesUpNoAttempt) {
    const auto queue = open({.concurrency = 1, .lease = 200ms, .retry = quick(2)});
    Signal begun;
    Seen<int> attempts;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>&, Context& context) {
        attempts.add(context.attempt());
        if (!begun.is_set()) {
            begun.set();
            Signal stopped;
            const std::stop_callback tell(context.stop_token(), [&] { stopped.set(); });
            EXPECT_TRUE(stopped.wait());  // its lease is lost
        }
        throw std::runtime_error("broken");
    });
    const auto id = queue.publish({"A"}).id;
    ASSERT_TRUE(begun.wait());
    EXPECT_TRUE(queue.discard(id));
    EXPECT_TRUE(queue.retry_event(id));
    ASSERT_TRUE(eventually([&] { return attempts.now().size() == 3; }));
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(attempts.now(), (std::vector<int>{1, 1, 2})) << "what the first one threw came too late to count";
    EXPECT_EQ(queue.get_event(id).status, EventStatus::error);
    EXPECT_EQ(queue.get_event(id).failures.size(), 2U);
}

TEST_P(Retries, ADiscardedEventIsNeverSeen) {
    const auto queue = open();
    const auto first = queue.publish({"A"}).id, second = queue.publish({"B"}).id;
    EXPECT_TRUE(queue.discard(first));
    EXPECT_FALSE(queue.discard(first)) << "already";
    Seen<EventId> seen;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) { seen.add(event.id); });
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(seen.now(), std::vector<EventId>{second});
    EXPECT_EQ(queue.get_event(first).status, EventStatus::error);
    EXPECT_EQ(queue.get_event(first).last_error, "discarded by hand");
    EXPECT_FALSE(queue.discard(second)) << "it was processed";
    EXPECT_EQ(thrown([&] { (void)queue.discard(77); }), errc::event_not_found);
}

TEST_P(Retries, ManyAreDiscardedInSteps) {
    const auto queue = open({.concurrency = 1});
    Signal begun, go_on;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) {
        if (event.payload.order_id == "fail") {
            throw std::runtime_error("broken");
        }
        if (event.payload.order_id == "run") {
            begun.set();
            EXPECT_TRUE(go_on.wait());
        }
    });
    (void)queue.publish({"pass"});
    (void)queue.publish({"fail"});
    ASSERT_TRUE(queue.wait_idle(patience));
    const auto running = queue.publish({"run"});
    ASSERT_TRUE(begun.wait());
    const auto waiting = queue.publish_all(std::vector<Order>(250));
    EXPECT_EQ(queue.discard_all({.status = EventStatus::error}), 0) << "given up already";
    EXPECT_EQ(thrown([&] { (void)queue.discard_all({.status = EventStatus::processed}); }), errc::invalid_argument);
    // Some of them the worker may have taken ahead.
    Seen<BulkProgress> steps;
    EXPECT_EQ(queue.discard_all({.created_at_min = waiting[0].created_at, .created_at_max = waiting[149].created_at},
                                [&](const BulkProgress& step) { steps.add(step); }),
              150);
    EXPECT_GE(steps.now().size(), 2U) << "in steps";
    EXPECT_EQ(steps.now().back().done, 150);
    EXPECT_EQ(queue.get_event(running.id).status, EventStatus::processing);
    EXPECT_EQ(queue.discard_all(), 101) << "the running one, too";
    EXPECT_EQ(queue.get_event(running.id).status, EventStatus::error);
    EXPECT_EQ(queue.discard_all(), 0);
    go_on.set();
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(queue.count_events({.status = EventStatus::error}), 252);
    EXPECT_EQ(queue.count_events({.status = EventStatus::processed}), 1);
}

TEST_P(Retries, WhatAProgressThrowsEndsTheBulkCallAfterItsStep) {
    const auto queue = open();
    (void)queue.publish_all(std::vector<Order>(250));
    EXPECT_THROW((void)queue.discard_all({}, [](const BulkProgress&) { throw std::runtime_error("enough"); }),
                 std::runtime_error);
    EXPECT_EQ(queue.count_events({.status = EventStatus::error}), 100);
    EXPECT_EQ(queue.discard_all(), 150) << "the same call goes on";
}

// Long before its lease would be renewed.
TEST_P(Retries, DiscardingARunningEventFiresItsStopToken) {
    const auto queue = open({.lease = 1h});
    Signal begun, stopped;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>&, Context& context) {
        begun.set();
        const std::stop_callback tell(context.stop_token(), [&] { stopped.set(); });
        EXPECT_TRUE(stopped.wait());
    });
    const auto id = queue.publish({"A"}).id;
    ASSERT_TRUE(begun.wait());
    EXPECT_TRUE(queue.discard(id));
    EXPECT_TRUE(stopped.wait());
    EXPECT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(queue.get_event(id).status, EventStatus::error);
}

// -- handler_timeout -------------------------------------------------------------------------------------------------

TEST_P(Retries, AHandlerThatTakesTooLongHasFailed) {
    const auto queue = open({.concurrency = 1, .retry = quick(2), .handler_timeout = 50ms});
    Signal go_on;
    Seen<int> attempts;
    Seen<std::optional<errc>> late;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>&, Context& context) {
        attempts.add(context.attempt());
        if (context.attempt() == 1) {
            Signal stopped;
            const std::stop_callback tell(context.stop_token(), [&] { stopped.set(); });
            EXPECT_TRUE(stopped.wait());
            EXPECT_TRUE(go_on.wait());
            late.add(thrown([&] { context.extend(1s); }));
        }
    });
    const auto id = queue.publish({"A"}).id;
    ASSERT_TRUE(eventually([&] { return !queue.get_event(id).failures.empty(); }));
    EXPECT_NE(queue.get_event(id).status, EventStatus::processed);
    EXPECT_EQ(attempts.now().size(), 1U) << "the only thread is not free yet";
    go_on.set();
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(attempts.wait_for(2), (std::vector<int>{1, 2}));
    EXPECT_EQ(late.wait_for(1), std::vector<std::optional<errc>>{errc::lease_lost});
    const auto event = queue.get_event(id);
    EXPECT_EQ(event.status, EventStatus::processed);
    ASSERT_EQ(event.failures.size(), 1U);
    EXPECT_EQ(event.failures[0].error, "the handler ran longer than the handler_timeout of 50 ms");
}

TEST_P(Retries, AHandlerThatHangsKeepsNoEventFromOtherWorkers) {
    const auto hanging = open({.concurrency = 1, .retry = quick(2), .handler_timeout = 20ms});
    Signal go_on, begun, second;
    const auto a = hanging.subscribe([&](const QueueEvent<Order>&) {
        begun.set();
        EXPECT_TRUE(go_on.wait());
    });
    const auto id = hanging.publish({"A"}).id;
    ASSERT_TRUE(begun.wait());
    const auto other = open({.concurrency = 1, .retry = quick(2)});
    const auto b = other.subscribe([&](const QueueEvent<Order>&, Context& context) {
        EXPECT_EQ(context.attempt(), 2);
        second.set();
    });
    EXPECT_TRUE(second.wait());
    ASSERT_TRUE(other.wait_idle(patience));
    EXPECT_EQ(other.get_event(id).status, EventStatus::processed);
    EXPECT_FALSE(hanging.close(10ms)) << "its handler still runs";
    go_on.set();
}

TEST_P(Retries, OptionsOutOfRangeAreRefused) {
    EXPECT_EQ(thrown([&] { (void)open({.retry = {.max_attempts = 0}}); }), errc::invalid_argument);
    std::string what;
    EXPECT_EQ(thrown([&] { (void)open({.handler_timeout = -1ms}); }, &what), errc::invalid_argument);
    EXPECT_EQ(what, "handler_timeout is -1 ms; it must be 0 (none) to 30 days");
}

}  // namespace
}  // namespace eventy::test
