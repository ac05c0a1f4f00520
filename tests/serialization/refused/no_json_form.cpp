#include <eventy/json.hpp>

struct Order {
    int id;
};

eventy::SerializerPtr<Order> serializer;
