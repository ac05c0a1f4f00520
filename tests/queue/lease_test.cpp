// What a handler sees of its lease.
#include "queue/backends.hpp"

namespace eventy::test {
namespace {

class Leases : public OnEachBackend {
protected:
    /// Makes the store believe that the lease of this event ran out, whoever holds it.
    void end_lease(EventId id) {
        if (on_redis()) {
            server().must({"ZADD", prefix_ + ":leases:Order:default", "XX", "1", std::to_string(id)});
        } else {
            ahead_ += std::chrono::hours(1).count() * 1'000'000;
        }
    }

    Leases() {
        if (!on_redis()) {
            store_ = std::make_shared<memory::Store>(
                memory::StoreOptions{.clock = [this] { return now() + std::chrono::microseconds(ahead_.load()); }});
        }
    }

    std::atomic<std::int64_t> ahead_{0};
};
EVENTY_ON_EACH_BACKEND(Leases);

TEST_P(Leases, ABusyHandlerKeepsItsEvent) {
    constexpr auto lease = 1s;
    const auto queue = open({.lease = lease});
    const auto other = open({.lease = lease});
    Seen<EventId> seen;
    Signal go_on;
    const auto handler = [&](const QueueEvent<Order>& event) {
        seen.add(event.id);
        EXPECT_TRUE(go_on.wait());
    };
    const auto a = queue.subscribe(handler);
    const auto b = other.subscribe(handler);
    (void)queue.publish({});
    ASSERT_EQ(seen.wait_for(1).size(), 1U);
    // Until the lease it began with is long over, and the other worker has looked for what it could take.
    const auto long_over = now() + 2 * lease;
    ASSERT_TRUE(eventually([&] { return now() > long_over; }));
    EXPECT_EQ(queue.get_event(1).status, EventStatus::processing);
    go_on.set();
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(seen.now().size(), 1U);
    EXPECT_EQ(queue.get_event(1).attempt, 1);
}

TEST_P(Leases, ALostLeaseGoesToAnotherAndTheLateOutcomeChangesNothing) {
    const auto slow = open({.ttl = 100h, .lease = 400ms});
    const auto quick = open({.ttl = 100h, .lease = 400ms});
    Signal begun;
    Signal stop_seen;
    Signal taken_again;
    Seen<std::optional<errc>> late;
    std::atomic<std::int64_t> first_epoch{0};
    std::atomic<std::int64_t> second_epoch{0};
    const auto a = slow.subscribe([&](const QueueEvent<Order>&, Context& context) {
        first_epoch = context.epoch();
        begun.set();
        EXPECT_TRUE(taken_again.wait());
        const std::stop_callback tell(context.stop_token(), [&] { stop_seen.set(); });
        EXPECT_TRUE(stop_seen.wait());
        late.add(thrown([&] { context.extend(1s); }));
        late.add(thrown([&] { context.report_progress(0.5, "late"); }));
        throw std::runtime_error("too late to matter");
    });
    (void)slow.publish({});
    ASSERT_TRUE(begun.wait());
    Seen<std::string> second_worker;
    const auto b = quick.subscribe([&](const QueueEvent<Order>&, Context& context) {
        second_epoch = context.epoch();
        second_worker.add(context.worker_id());
        taken_again.set();
    });
    // The slow one renews; whoever is first after this moment has it. Until it is lost, end it again.
    ASSERT_TRUE(eventually([&] {
        if (!taken_again.is_set()) {
            end_lease(1);
        }
        return taken_again.is_set();
    }));
    EXPECT_EQ(late.wait_for(2), (std::vector<std::optional<errc>>{errc::lease_lost, errc::lease_lost}));
    ASSERT_TRUE(slow.wait_idle(patience));
    EXPECT_GT(second_epoch, first_epoch);
    const auto event = quick.get_event(1);
    EXPECT_EQ(event.status, EventStatus::processed);
    EXPECT_TRUE(event.last_error.empty());
    EXPECT_EQ(event.processed_by, second_worker.wait_for(1).front());
}

TEST_P(Leases, ExtendAndProgressWhileItHolds) {
    const auto queue = open();
    Seen<std::optional<errc>> seen;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>&, Context& context) {
        seen.add(thrown([&] { context.extend(5s); }));
        seen.add(thrown([&] { context.report_progress(0.25, "a quarter"); }));
        seen.add(thrown([&] { context.report_progress(1); }));
        seen.add(thrown([&] { context.report_progress(1.5); }));
        seen.add(thrown([&] { context.report_progress(std::nan("")); }));
        seen.add(thrown([&] { context.extend(0ms); }));
    });
    (void)queue.publish({});
    EXPECT_EQ(seen.wait_for(6),
              (std::vector<std::optional<errc>>{std::nullopt, std::nullopt, std::nullopt, errc::invalid_argument,
                                                errc::invalid_argument, errc::invalid_argument}));
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(queue.get_event(1).status, EventStatus::processed);
}

TEST_P(Leases, AnEventThatExpiresWhileItsHandlerRunsLeavesNothingBehind) {
    const auto queue = open({.ttl = 100ms});
    Signal begun;
    Signal go_on;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>&) {
        begun.set();
        EXPECT_TRUE(go_on.wait());
    });
    (void)queue.publish({});
    ASSERT_TRUE(begun.wait());
    ASSERT_TRUE(eventually([&] { return thrown([&] { (void)queue.get_event(1); }) == errc::event_not_found; }));
    go_on.set();
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(thrown([&] { (void)queue.get_event(1); }), errc::event_not_found);
    EXPECT_TRUE(eventually([&] { return queue.count_events() == 0; }));
    if (on_redis()) {
        EXPECT_TRUE(eventually([&] {
            return server()
                       .command({"EXISTS", prefix_ + ":events:Order:1", prefix_ + ":index:Order",
                                 prefix_ + ":leases:Order:default", prefix_ + ":held:Order:default"})
                       .integer == 0;
        }));
    }
}

}  // namespace
}  // namespace eventy::test
