#include <barrier>

#include "queue/backends.hpp"

namespace eventy::test {
namespace {

class Subscribing : public OnEachBackend {};
EVENTY_ON_EACH_BACKEND(Subscribing);

TEST_P(Subscribing, TheHandlerGetsTheEventAndItBecomesProcessed) {
    const auto queue = open();
    Seen<QueueEvent<Order>> seen;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event, Context& context) {
        EXPECT_EQ(context.attempt(), 1);
        EXPECT_GT(context.epoch(), 0);
        EXPECT_FALSE(context.worker_id().empty());
        EXPECT_FALSE(context.stop_token().stop_requested());
        seen.add(event);
    });
    const auto published = queue.publish({"ORD-1", 9.5}, {.key = "k", .headers = {{"a", "b"}}});
    const auto events = seen.wait_for(1);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].id, published.id);
    EXPECT_EQ(events[0].payload, published.payload);
    EXPECT_EQ(events[0].created_at, published.created_at);
    EXPECT_EQ(events[0].worker_id, published.worker_id);
    EXPECT_EQ(events[0].status, EventStatus::processing);
    EXPECT_EQ(events[0].attempt, 1);
    EXPECT_EQ(events[0].key, "k");
    EXPECT_EQ(events[0].headers, published.headers);

    ASSERT_TRUE(queue.wait_idle(patience));
    const auto stored = queue.get_event(published.id);
    EXPECT_EQ(stored.status, EventStatus::processed);
    EXPECT_EQ(stored.processed_by, queue.get_subscriber(subscription.id()).worker_id);
    ASSERT_TRUE(stored.started_at && stored.finished_at);
    EXPECT_LE(*stored.started_at, *stored.finished_at);
    EXPECT_GE(*stored.finished_at, stored.created_at);
    EXPECT_TRUE(stored.last_error.empty());
}

TEST_P(Subscribing, EventsOfBeforeAreProcessedToo) {
    const auto queue = open();
    for (int i = 0; i < 10; ++i) {
        (void)queue.publish({"x", i * 1.0});
    }
    Seen<EventId> seen;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) { seen.add(event.id); });
    EXPECT_EQ(seen.wait_for(10).size(), 10U);
}

TEST_P(Subscribing, EachEventGoesToOneWorkerOnly) {
    constexpr int count = 2000;
    const auto publisher = open();
    Seen<EventId> seen;
    const auto handler = [&](const QueueEvent<Order>& event) { seen.add(event.id); };
    const auto a = open();
    const auto b = open();
    const auto c = open();
    const auto one = a.subscribe(handler);
    const auto two = b.subscribe(handler);
    const auto three = c.subscribe(handler);
    for (int i = 0; i < count; i += 100) {
        (void)publisher.publish_all(std::vector<Order>(100, {"x", 1}));
    }
    ASSERT_TRUE(publisher.wait_idle(patience));
    auto ids = seen.now();
    std::sort(ids.begin(), ids.end());
    ASSERT_EQ(ids.size(), static_cast<std::size_t>(count));
    EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
    EXPECT_EQ(publisher.count_events({.status = EventStatus::processed}), count);
}

TEST_P(Subscribing, WhileItsThreadsAreBusyWithAnotherGroupAWorkerLeavesTheEventsToOthers) {
    const auto busy = open({.concurrency = 2});
    const auto idle = open({.concurrency = 2});
    Seen<EventId> slow, quick;
    Signal go_on;
    const auto long_ones = busy.subscribe(
        [&](const QueueEvent<Order>& event) {
            slow.add(event.id);
            go_on.wait();
        },
        {.group = "slow"});
    (void)busy.publish_all(std::vector<Order>(2));
    ASSERT_EQ(slow.wait_for(2).size(), 2U) << "both threads are taken";
    const auto add = [&](const QueueEvent<Order>& event) { quick.add(event.id); };
    const auto ours = busy.subscribe(add, {.group = "quick"});
    const auto theirs = idle.subscribe(add, {.group = "quick"});
    for (int i = 0; i < 20; ++i) {
        (void)busy.publish({});
    }
    const std::size_t handled = quick.wait_for(22).size();
    go_on.set();
    EXPECT_EQ(handled, 22U);
}

TEST_P(Subscribing, AWorkerTakesAgainOnceAnotherGroupLeavesItAThread) {
    const auto queue = open({.concurrency = 1});
    Seen<EventId> slow, quick;
    Signal go_on;
    const auto long_one = queue.subscribe(
        [&](const QueueEvent<Order>& event) {
            slow.add(event.id);
            go_on.wait();
        },
        {.group = "slow"});
    (void)queue.publish({});
    ASSERT_EQ(slow.wait_for(1).size(), 1U);
    const auto other =
        queue.subscribe([&](const QueueEvent<Order>& event) { quick.add(event.id); }, {.group = "quick"});
    (void)queue.publish({});
    go_on.set();
    EXPECT_EQ(quick.wait_for(2), (std::vector<EventId>{1, 2}));
}

TEST_P(Subscribing, SubscribersOfAGroupSeeAnEventOneAfterAnother) {
    const auto queue = open({.concurrency = 1});
    Seen<std::string> seen;
    const auto add = [&](std::string who) {
        return [&seen, who](const QueueEvent<Order>& event) { seen.add(who + std::to_string(event.id)); };
    };
    const auto a = queue.subscribe(add("a"));
    const auto b = queue.subscribe(add("b"));
    const auto c = queue.subscribe(add("c"));
    (void)queue.publish_all(std::vector<Order>(3));
    EXPECT_EQ(seen.wait_for(9), (std::vector<std::string>{"a1", "b1", "c1", "a2", "b2", "c2", "a3", "b3", "c3"}));
}

TEST_P(Subscribing, OneThatFailsKeepsNoneFromTheEvent) {
    const auto queue = open();
    Seen<int> seen;
    const auto a = queue.subscribe([](const QueueEvent<Order>&) { throw std::runtime_error("out of paper"); });
    const auto b = queue.subscribe([&](const QueueEvent<Order>&) { seen.add(1); });
    const auto c = queue.subscribe([](const QueueEvent<Order>&) { throw 42; });  // NOLINT
    const auto id = queue.publish({}).id;
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(seen.now().size(), 1U);
    const auto event = queue.get_event(id);
    EXPECT_EQ(event.status, EventStatus::error);
    EXPECT_EQ(event.last_error, "out of paper; the handler threw something that is no std::exception");
    EXPECT_EQ(event.processed_by, queue.get_subscriber(a.id()).worker_id);
    EXPECT_TRUE(event.started_at && event.finished_at);
}

TEST_P(Subscribing, GroupsProcessEachEventOnceEach) {
    const auto queue = open();
    Seen<EventId> mail;
    Seen<EventId> audit;
    const auto a = queue.subscribe([&](const QueueEvent<Order>& e) { mail.add(e.id); }, {.group = "mail"});
    const auto b = queue.subscribe(
        [&](const QueueEvent<Order>& e) {
            audit.add(e.id);
            if (e.id == 2) {
                throw std::runtime_error("no");
            }
        },
        {.group = "audit"});
    (void)queue.publish_all(std::vector<Order>(5));
    EXPECT_EQ(mail.wait_for(5).size(), 5U);
    EXPECT_EQ(audit.wait_for(5).size(), 5U);
    // The group `default` exists from the first publish and has no worker here.
    EXPECT_TRUE(eventually([&] { return queue.stats().groups["mail"].lag + queue.stats().groups["audit"].lag == 0; }));
    EXPECT_EQ(queue.stats().groups["default"].lag, 5);
    EXPECT_TRUE(eventually([&] { return queue.get_event(2).status == EventStatus::error; }));
    EXPECT_TRUE(eventually([&] { return queue.get_event(1).status == EventStatus::pending; }));
}

struct Counting final : Subscriber<Order> {
    explicit Counting(Seen<EventId>& to) : seen(to) {}
    void on_event(const QueueEvent<Order>& event, Context&) override { seen.add(event.id); }
    Seen<EventId>& seen;
};

TEST_P(Subscribing, ClassesAloneAndTogether) {
    const auto queue = open();
    Seen<EventId> seen;
    const auto one = std::make_shared<Counting>(seen);
    const auto two = std::make_shared<Counting>(seen);
    auto subscription = queue.subscribe({one, two});
    auto alone = queue.subscribe(one);
    (void)queue.publish({});
    EXPECT_EQ(seen.wait_for(3).size(), 3U);
    ASSERT_TRUE(queue.wait_idle(patience));
    subscription.unsubscribe();
    subscription.unsubscribe();
    (void)queue.publish({});
    EXPECT_EQ(seen.wait_for(4).size(), 4U);
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(seen.now().size(), 4U);
    EXPECT_EQ(thrown([&] { (void)queue.subscribe(std::shared_ptr<Subscriber<Order>>()); }), errc::invalid_argument);
    EXPECT_EQ(thrown([&] { (void)queue.subscribe(std::vector<std::shared_ptr<Subscriber<Order>>>{}); }),
              errc::invalid_argument);
    EXPECT_EQ(thrown([&] { (void)queue.subscribe(one, {.group = "a:b"}); }), errc::invalid_argument);
}

TEST_P(Subscribing, AnEmptyHandlerIsRefused) {
    const auto queue = open();
    const auto refused = [&](auto handler) {
        std::string what;
        EXPECT_EQ(thrown([&] { (void)queue.subscribe(handler); }, &what), errc::invalid_argument);
        EXPECT_EQ(what, "cannot subscribe: the handler is empty");
    };
    refused(std::function<void(const QueueEvent<Order>&)>());
    refused(std::function<void(const QueueEvent<Order>&, Context&)>());
    void (*const no_function)(const QueueEvent<Order>&) = nullptr;
    refused(no_function);
    EXPECT_TRUE(queue.search_subscribers().items.empty());
    const std::function<void(const QueueEvent<Order>&)> some = [](const QueueEvent<Order>&) {};
    EXPECT_FALSE(queue.subscribe(some).detach().empty());
}

TEST_P(Subscribing, AsManyHandlersAtOnceAsConcurrencySays) {
    const auto queue = open({.concurrency = 3});
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    std::barrier together(3);  // passes only if three run at once
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>&) {
        const int now = ++running;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        together.arrive_and_wait();
        --running;
    });
    (void)queue.publish_all(std::vector<Order>(9));
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_EQ(most, 3);
}

TEST_P(Subscribing, SubscribersOfAllProcessesAreKnown) {
    const auto here = open();
    const auto there = open();
    const auto a = here.subscribe([](const QueueEvent<Order>&) {});
    auto b = there.subscribe([](const QueueEvent<Order>&) {}, {.group = "mail"});
    ASSERT_TRUE(eventually([&] { return here.search_subscribers().items.size() == 2; }));
    const auto info = here.get_subscriber(b.id());
    EXPECT_EQ(info.id, b.id());
    EXPECT_EQ(info.event_type, "Order");
    EXPECT_EQ(info.group, "mail");
    EXPECT_FALSE(info.worker_id.empty());
    EXPECT_FALSE(info.host.empty());
    EXPECT_EQ(info.pid, ::getpid());
    EXPECT_GT(info.created_at, now() - std::chrono::minutes(5));
    EXPECT_EQ(here.stats().subscribers, 2);

    auto page = here.search_subscribers({.limit = 1});
    ASSERT_EQ(page.items.size(), 1U);
    ASSERT_TRUE(page.next_page_id);
    const auto second = there.search_subscribers({.page_id = page.next_page_id, .limit = 1});
    ASSERT_EQ(second.items.size(), 1U);
    EXPECT_FALSE(second.next_page_id);
    EXPECT_NE(page.items[0].id, second.items[0].id);
    EXPECT_EQ(thrown([&] { (void)here.search_subscribers({.page_id = "nonsense"}); }), errc::bad_page_id);

    const std::string id = b.id();
    b.unsubscribe();
    EXPECT_TRUE(eventually([&] { return here.search_subscribers().items.size() == 1; }));
    std::string what;
    EXPECT_EQ(thrown([&] { (void)here.get_subscriber(id); }, &what), errc::subscriber_not_found);
    EXPECT_NE(what.find(id), std::string::npos);
}

TEST_P(Subscribing, UnsubscribeById) {
    const auto queue = open();
    Seen<EventId> seen;
    const std::string id = queue.subscribe([&](const QueueEvent<Order>& e) { seen.add(e.id); }).detach();
    ASSERT_FALSE(id.empty());
    (void)queue.publish({});
    EXPECT_EQ(seen.wait_for(1).size(), 1U);
    ASSERT_TRUE(queue.wait_idle(patience));
    EXPECT_TRUE(queue.unsubscribe(id));
    EXPECT_FALSE(queue.unsubscribe(id));
    EXPECT_FALSE(queue.unsubscribe("never was"));
    (void)queue.publish({});
    EXPECT_EQ(queue.count_events({.status = EventStatus::pending}), 1);
    EXPECT_EQ(seen.now().size(), 1U);
}

struct Blob {
    std::unique_ptr<int> value;
};
struct BlobSerializer final : Serializer<Blob> {
    std::string serialize(const Blob& blob) const override { return std::to_string(*blob.value); }
    Blob deserialize(std::string_view bytes) const override {
        return {std::make_unique<int>(std::stoi(std::string(bytes)))};
    }
};

TEST_P(Subscribing, MoveOnlyPayloadsWork) {
    const auto queue = open<Blob>({.type = "Blob"}, std::make_shared<BlobSerializer>());
    Seen<int> seen;
    const auto subscription = queue.subscribe([&](const QueueEvent<Blob>& e) { seen.add(*e.payload.value); });
    EXPECT_EQ(*queue.publish({std::make_unique<int>(7)}).payload.value, 7);
    EXPECT_EQ(seen.wait_for(1), std::vector<int>{7});
    std::vector<Blob> more;
    more.push_back({std::make_unique<int>(8)});
    EXPECT_EQ(*queue.publish_all(std::move(more))[0].payload.value, 8);
    EXPECT_EQ(seen.wait_for(2).back(), 8);
}

TEST_P(Subscribing, APayloadThatCannotBeReadBecomesAnError) {
    const auto open_raw = [&] { return open<std::string>({.type = "Mixed"}, std::make_shared<RawSerializer>()); };
    (void)open_raw().publish_all(
        {"{\"order_id\": 17, \"amount\": 1}", "not json at all", "{\"order_id\": \"ok\", \"amount\": 1}"});
    {
        const auto queue = open({.type = "Mixed"});
        Seen<std::string> seen;
        const auto subscription = queue.subscribe([&](const QueueEvent<Order>& e) { seen.add(e.payload.order_id); });
        EXPECT_EQ(seen.wait_for(1), std::vector<std::string>{"ok"});
        ASSERT_TRUE(queue.wait_idle(patience));
        EXPECT_EQ(thrown([&] { (void)queue.get_event(1); }), errc::serialization);
        EXPECT_EQ(queue.search_events().items.size(), 1U);
        EXPECT_EQ(queue.search_events().unreadable.size(), 2U);
    }
    const auto raw = open_raw();
    EXPECT_EQ(raw.get_event(1).status, EventStatus::error);
    EXPECT_NE(raw.get_event(1).last_error.find("order_id"), std::string::npos) << raw.get_event(1).last_error;
    EXPECT_EQ(raw.get_event(2).status, EventStatus::error);
    EXPECT_EQ(raw.get_event(3).status, EventStatus::processed);
}

TEST_P(Subscribing, APayloadOverTheLimitBecomesAnError) {
    const auto large = open<std::string>({}, std::make_shared<RawSerializer>());
    const auto small = open<std::string>({.max_payload_bytes = 100}, std::make_shared<RawSerializer>());
    (void)large.publish_all({std::string(101, 'x'), std::string(100, 'y')});
    Seen<EventId> seen;
    const auto subscription = small.subscribe([&](const QueueEvent<std::string>& event) { seen.add(event.id); });
    EXPECT_EQ(seen.wait_for(1), std::vector<EventId>{2});
    ASSERT_TRUE(small.wait_idle(patience));
    const std::string reason = "its payload has 101 bytes, more than the max_payload_bytes of 100";
    EXPECT_EQ(large.get_event(1).status, EventStatus::error);
    EXPECT_EQ(large.get_event(1).last_error, reason);
    std::string what;
    EXPECT_EQ(thrown([&] { (void)small.get_event(1); }, &what), errc::serialization);
    EXPECT_NE(what.find(reason), std::string::npos) << what;
    const auto page = small.search_events();
    ASSERT_EQ(page.unreadable.size(), 1U);
    EXPECT_EQ(page.unreadable.front().reason, reason);
}

TEST_P(Subscribing, AHandlerMayUseItsQueue) {
    const auto queue = open();
    Seen<EventId> seen;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) {
        EXPECT_EQ(queue.get_event(event.id).status, EventStatus::processing);
        EXPECT_GE(queue.count_events({.status = EventStatus::processing}), 1);
        if (event.payload.amount > 0) {
            (void)queue.publish({"next", event.payload.amount - 1});
        }
        seen.add(event.id);
    });
    (void)queue.publish({"first", 5});
    EXPECT_EQ(seen.wait_for(6).size(), 6U);
}

}  // namespace
}  // namespace eventy::test
