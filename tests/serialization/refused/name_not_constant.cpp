#include <eventy/event_name.hpp>
#include <string>

struct Order {
    static const std::string event_name;
};
auto name = eventy::event_name<Order>;
