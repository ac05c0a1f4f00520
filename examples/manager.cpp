// Several event types on one connection: a queue manager. Orders come in; processing one publishes a shipment, which is
// another event type with a queue and a handler of its own.
//
// It talks to the Redis of EVENTY_REDIS_URL, else to redis://127.0.0.1:6379.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <eventy/eventy.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <syncstream>
#include <utility>

using namespace std::chrono_literals;

namespace shop {

struct OrderEvent {
    std::string order_id;
    double amount = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(OrderEvent, order_id, amount)

struct ShipmentEvent {
    // The name in the keys. Without it that would be the class name, ShipmentEvent: then nobody may rename the class.
    static constexpr std::string_view event_name = "Shipment";

    std::string order_id;
    std::string carrier;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ShipmentEvent, order_id, carrier)

// A handler with members is best a class. on_event runs on several threads at once; this one only calls the queue,
// which is thread-safe.
class Shipping : public eventy::Subscriber<OrderEvent> {
public:
    explicit Shipping(eventy::EventQueue<ShipmentEvent> shipments) : shipments_(std::move(shipments)) {}

    void on_event(const eventy::QueueEvent<OrderEvent>& order, eventy::Context&) override {
        const auto shipment = shipments_.publish({order.payload.order_id, "by bicycle"});
        std::osyncstream(std::cout) << "order " << order.payload.order_id << " became shipment " << shipment.id << "\n";
    }

private:
    eventy::EventQueue<ShipmentEvent> shipments_;  // a queue is a handle: copy it freely
};

}  // namespace shop

namespace {

std::shared_ptr<eventy::redis::Client> connect() {
    const char* url = std::getenv("EVENTY_REDIS_URL");
    return eventy::redis::Client::from_url(url != nullptr ? url : "redis://127.0.0.1:6379");
}

}  // namespace

int main() try {
    std::atomic<int> shipped = 0;  // before the manager: its handlers use it

    // `concurrency` is for all queues of the manager together: they share one pool of handler threads.
    const eventy::RedisQueueManager manager(
        {.redis_client = connect(), .key_prefix = "example-manager", .event_ttl = 1h, .concurrency = 4});

    // Each type is registered once, then its queue can be had anywhere by the type.
    manager.register_type<shop::OrderEvent>();
    manager.register_type<shop::ShipmentEvent>();
    const auto orders = manager.get_event_queue<shop::OrderEvent>();
    const auto shipments = manager.get_event_queue<shop::ShipmentEvent>();

    // The registry is in Redis: other processes with this prefix see the same names.
    for (const auto& type : manager.get_queue_types()) {
        std::cout << "registered: " << type << "\n";
    }

    const auto shipping = orders.subscribe(std::make_shared<shop::Shipping>(shipments));
    const auto counting = shipments.subscribe([&](const eventy::QueueEvent<shop::ShipmentEvent>& shipment) {
        std::osyncstream(std::cout) << "shipping " << shipment.payload.order_id << " " << shipment.payload.carrier
                                    << "\n";
        ++shipped;
    });

    orders.publish({"ORD-1", 10});
    orders.publish({"ORD-2", 20});

    // In the order of the work: once the orders are done, all shipments are published.
    if (!orders.wait_idle(30s) || !shipments.wait_idle(30s)) {
        std::cerr << "the events were not processed in time\n";
        return 1;
    }
    std::cout << "shipped " << shipped << " orders\n";

    manager.close();  // all queues at once; without it, the last handle does it
    return 0;
} catch (const eventy::Error& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
