// A program of somebody else, on an installed copy of the library.
#include <eventy/eventy.hpp>
#include <iostream>

struct OrderEvent {
    std::string order_id;
    double amount = 0;
    eventy::Timestamp timestamp;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OrderEvent, order_id, amount, timestamp)

int main() {
    const eventy::MemoryEventQueue<OrderEvent> queue;
    const auto event = queue.publish({"ORD-123", 99.99, eventy::now()});
    const auto found = queue.get_event(event.id);
    std::cout << found.payload.order_id << " is " << found.status << '\n';
    return found.payload.order_id == "ORD-123" && found.status == eventy::EventStatus::pending ? 0 : 1;
}
