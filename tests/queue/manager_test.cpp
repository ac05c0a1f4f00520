#include <thread>

#include "queue/backends.hpp"

namespace eventy::test {
namespace {

struct Invoice {
    int number = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Invoice, number)

class Managing : public OnEachBackend {};
EVENTY_ON_EACH_BACKEND(Managing);

TEST_P(Managing, TypesAreRegisteredAndUsed) {
    const auto manager = open_its_manager();
    manager.register_type<Order>();
    manager.register_type<Invoice>("invoices");
    manager.register_type<Order>();
    EXPECT_EQ(manager.get_queue_types(), (std::vector<std::string>{"Order", "invoices"}));
    auto& orders = manager.get_event_queue<Order>();
    EXPECT_EQ(&orders, &manager.get_event_queue<Order>());
    const auto invoices = manager.get_event_queue<Invoice>("invoices");
    Seen<int> seen;
    const auto a = orders.subscribe([&](const QueueEvent<Order>&) { seen.add(1); });
    const auto b = invoices.subscribe([&](const QueueEvent<Invoice>& e) { seen.add(e.payload.number); });
    (void)orders.publish({"x", 1});
    (void)invoices.publish({7});
    auto got = seen.wait_for(2);
    std::sort(got.begin(), got.end());
    EXPECT_EQ(got, (std::vector<int>{1, 7}));
}

TEST_P(Managing, TheLimitOfAPayloadIsThatOfAllItsQueues) {
    const auto open_limited = [&]() -> QueueManager {
        if (on_redis()) {
            return RedisQueueManager(
                {.redis_client = new_client(), .key_prefix = prefix_, .concurrency = 4, .max_payload_bytes = 12});
        }
        return MemoryQueueManager({.store = store_, .key_prefix = prefix_, .concurrency = 4, .max_payload_bytes = 12});
    };
    const auto manager = open_limited();
    manager.register_type<Invoice>();
    EXPECT_EQ(manager.get_event_queue<Invoice>().publish({1}).id, 1) << R"({"number":1})";
    EXPECT_EQ(thrown([&] { (void)manager.get_event_queue<Invoice>().publish({10}); }), errc::payload_too_large);
}

TEST_P(Managing, UnregisteredTypesAndTakenNames) {
    const auto manager = open_its_manager();
    std::string what;
    EXPECT_EQ(thrown([&] { (void)manager.get_event_queue<Order>(); }, &what), errc::type_not_registered);
    EXPECT_NE(what.find("\"Order\""), std::string::npos) << what;
    EXPECT_EQ(thrown([&] { manager.deregister_type<Order>(); }), errc::type_not_registered);
    manager.register_type<Order>("shared");
    EXPECT_EQ(thrown([&] { manager.register_type<Invoice>("shared"); }), errc::name_taken);
    EXPECT_EQ(thrown([&] { (void)manager.get_event_queue<Invoice>("shared"); }), errc::name_taken);
    EXPECT_EQ(thrown([&] { manager.register_type<Order>("a:b"); }), errc::invalid_argument);
    EXPECT_EQ(thrown([&] { manager.register_type<Order>(SerializerPtr<Order>(std::shared_ptr<Serializer<Order>>())); }),
              errc::invalid_argument);
}

TEST_P(Managing, OthersSeeTheTypesUntilTheyAreDeregistered) {
    const auto here = open_its_manager();
    const auto there = open_its_manager();
    const auto elsewhere = open_its_manager(prefix_ + "x");
    here.register_type<Order>();
    EXPECT_EQ(there.get_queue_types(), std::vector<std::string>{"Order"});
    EXPECT_TRUE(elsewhere.get_queue_types().empty());
    here.deregister_type<Order>();
    EXPECT_TRUE(there.get_queue_types().empty());
    EXPECT_EQ(thrown([&] { (void)here.get_event_queue<Order>(); }), errc::type_not_registered);
    here.register_type<Invoice>("Order");
    EXPECT_EQ(here.get_event_queue<Invoice>("Order").count_events(), 0);
}

TEST_P(Managing, ItsQueuesShareOnePoolOfHandlers) {
    const auto manager = [&]() -> QueueManager {
        if (on_redis()) {
            return RedisQueueManager({.redis_client = new_client(), .key_prefix = prefix_, .concurrency = 1});
        }
        return MemoryQueueManager({.store = store_, .key_prefix = prefix_, .concurrency = 1});
    }();
    manager.register_type<Order>();
    manager.register_type<Invoice>();
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    const auto handle = [&] {
        most = std::max(most.load(), ++running);
        std::this_thread::yield();
        --running;
    };
    const auto a = manager.get_event_queue<Order>().subscribe([&](const QueueEvent<Order>&) { handle(); });
    const auto b = manager.get_event_queue<Invoice>().subscribe([&](const QueueEvent<Invoice>&) { handle(); });
    (void)manager.get_event_queue<Order>().publish_all(std::vector<Order>(100));
    (void)manager.get_event_queue<Invoice>().publish_all(std::vector<Invoice>(100));
    ASSERT_TRUE(manager.get_event_queue<Order>().wait_idle(patience));
    ASSERT_TRUE(manager.get_event_queue<Invoice>().wait_idle(patience));
    EXPECT_EQ(most, 1);
}

TEST_P(Managing, CloseClosesAllItsQueues) {
    const auto manager = open_its_manager();
    manager.register_type<Order>();
    const auto queue = manager.get_event_queue<Order>();
    EXPECT_TRUE(manager.close());
    EXPECT_EQ(thrown([&] { (void)queue.publish({}); }), errc::closed);
    EXPECT_EQ(thrown([&] { manager.register_type<Invoice>(); }), errc::closed);
    EXPECT_EQ(thrown([&] { (void)manager.get_event_queue<Order>(); }), errc::closed);
    EXPECT_EQ(thrown([&] { manager.deregister_type<Order>(); }), errc::closed);
    EXPECT_EQ(thrown([&] { (void)manager.get_queue_types(); }), errc::closed);
    EXPECT_TRUE(manager.close());
}

TEST_P(Managing, ACloseWithoutEndWaitsForHandlers) {
    const auto manager = open_its_manager();
    manager.register_type<Order>();
    const auto queue = manager.get_event_queue<Order>();
    Signal begun;
    Signal go_on;
    std::atomic<bool> finished{false};
    queue
        .subscribe([&](const QueueEvent<Order>&) {
            begun.set();
            EXPECT_TRUE(go_on.wait());
            finished = true;
        })
        .detach();
    (void)queue.publish({});
    ASSERT_TRUE(begun.wait());
    std::thread releaser([&] { go_on.set(); });
    EXPECT_TRUE(manager.close(milliseconds::max()));
    EXPECT_TRUE(finished);
    releaser.join();
}

TEST_P(Managing, ACloseInAHandlerIsRefusedAndClosesNothing) {
    const auto manager = open_its_manager();
    manager.register_type<Order>();
    manager.register_type<Invoice>();  // "Invoice" comes before "Order"
    const auto queue = manager.get_event_queue<Order>();
    Seen<std::optional<errc>> seen;
    std::string what;
    queue.subscribe([&](const QueueEvent<Order>&) { seen.add(thrown([&] { (void)manager.close(); }, &what)); })
        .detach();
    (void)queue.publish({});
    EXPECT_EQ(seen.wait_for(1), std::vector<std::optional<errc>>{errc::would_deadlock});
    EXPECT_EQ(what, "close() of a manager was called in a handler of its queue \"Order\", which it waits for");
    EXPECT_EQ(manager.get_event_queue<Invoice>().publish({1}).id, 1);
    EXPECT_EQ(manager.get_event_queue<Order>().publish({}).id, 2);
    EXPECT_EQ(seen.wait_for(2).size(), 2U) << "its handlers go on";
    EXPECT_TRUE(manager.close());
}

TEST_P(Managing, ATypeThatIsRegisteredWhileItClosesIsClosedToo) {
    for (int round = 0; round < 50; ++round) {
        const auto manager = open_its_manager();
        std::optional<errc> error;
        std::thread registering([&] { error = thrown([&] { manager.register_type<Order>(); }); });
        EXPECT_TRUE(manager.close(patience));
        registering.join();
        if (error) {
            EXPECT_EQ(error, errc::closed);
        } else {
            EXPECT_EQ(thrown([&] { (void)manager.get_event_queue<Order>().publish({}); }), errc::closed);
        }
    }
}

TEST_P(Managing, OpensFromAUrl) {
    const std::string url = on_redis() ? server().url() : "memory://";
    const auto manager = open_manager(url, {.serializer = Format::msgpack, .key_prefix = prefix_});
    manager.register_type<Order>();
    const auto& queue = manager.get_event_queue<Order>();
    const auto id = queue.publish({"x", 1.5}).id;
    EXPECT_EQ(queue.get_event(id).payload, (Order{"x", 1.5}));
    if (!on_redis()) {
        EXPECT_TRUE(open_manager(url).get_queue_types().empty()) << "a fresh store each time";
    }
    EXPECT_EQ(thrown([&] { (void)open_manager("mysql://localhost"); }), errc::invalid_argument);
    EXPECT_EQ(thrown([&] { (void)open_manager(""); }), errc::invalid_argument);
    EXPECT_EQ(thrown([&] { (void)open_manager(url, {.key_prefix = ""}); }), errc::invalid_argument);
    EXPECT_EQ(thrown([&] { (void)open_manager(url, {.concurrency = 0}); }), errc::invalid_argument);
}

TEST(RedisManagers, TwoDatabasesDoNotSeeEachOther) {
    RedisServer server;
    const std::string base = "redis://127.0.0.1:" + std::to_string(server.port());
    const auto one = open_manager(base + "/1");
    const auto two = open_manager(base + "/2");
    one.register_type<Order>();
    EXPECT_TRUE(two.get_queue_types().empty());
    two.register_type<Order>();
    (void)one.get_event_queue<Order>().publish({});
    EXPECT_EQ(two.get_event_queue<Order>().count_events(), 0);
}

}  // namespace
}  // namespace eventy::test
