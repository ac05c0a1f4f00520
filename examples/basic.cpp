// Publish an event, process it, look at it: the smallest program that does all three.
//
// It talks to the Redis of EVENTY_REDIS_URL, else to redis://127.0.0.1:6379.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <eventy/eventy.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <syncstream>

using namespace std::chrono_literals;

// An event is a plain struct. Its name, "OrderEvent", will stand in the Redis keys.
struct OrderEvent {
    std::string order_id;
    double amount = 0;
    eventy::Timestamp timestamp;
};
// Says which fields go into the JSON. _WITH_DEFAULT: a field that an older program did not write yet keeps its default.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(OrderEvent, order_id, amount, timestamp)

namespace {

std::shared_ptr<eventy::redis::Client> connect() {
    const char* url = std::getenv("EVENTY_REDIS_URL");
    return eventy::redis::Client::from_url(url != nullptr ? url : "redis://127.0.0.1:6379");
}

}  // namespace

int main() try {
    // What a handler uses must outlive the subscription, so it stands before it. And it must be thread-safe: a handler
    // runs on several threads at once, for different events.
    std::atomic<int> processed = 0;

    const eventy::RedisEventQueue<OrderEvent> queue(
        {.redis_client = connect(), .key_prefix = "example-basic", .event_ttl = 1h});

    // Publish. The event is stored, with an id, whether anyone listens yet or not.
    const auto event = queue.publish({"ORD-123", 99.99, eventy::now()});
    std::cout << "published event " << event.id << "\n";

    // Get it back by its id.
    const auto retrieved = queue.get_event(event.id);
    std::cout << "retrieved " << retrieved.payload.order_id << ", " << retrieved.status << "\n";

    // Process it, and all that follow. Keep the subscription: when it goes out of scope, it unsubscribes.
    const auto subscription = queue.subscribe([&](const eventy::QueueEvent<OrderEvent>& order) {
        // osyncstream keeps the lines of several threads apart.
        std::osyncstream(std::cout) << "processing " << order.payload.order_id << "\n";
        ++processed;
    });

    // Two more, in one round trip. This overload makes one OrderEvent of each element.
    const auto more =
        queue.publish_all({OrderEvent{"ORD-124", 5, eventy::now()}, OrderEvent{"ORD-125", 12.5, eventy::now()}});
    std::cout << "published " << more.size() << " more\n";

    // Wait until everything is processed. A real worker calls eventy::wait_for_termination() instead.
    if (!queue.wait_idle(30s)) {
        std::cerr << "the events were not processed in time\n";
        return 1;
    }
    std::cout << "the handler was called " << processed << " times\n";

    // Search, newest first, and count.
    const auto page = queue.search_events({.status = eventy::EventStatus::processed}, {.limit = 3});
    for (const auto& found : page) {
        std::cout << "found " << found.payload.order_id << ", " << found.status << "\n";
    }
    std::cout << "processed in all: " << queue.count_events({.status = eventy::EventStatus::processed}) << "\n";
    return 0;
} catch (const eventy::Error& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
