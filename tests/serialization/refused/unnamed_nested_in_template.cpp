#include <eventy/event_name.hpp>

template <class T>
struct Box {
    struct Content {};
};
auto name = eventy::event_name<Box<int>::Content>;
