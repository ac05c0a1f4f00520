#include <eventy/event_name.hpp>

template <class T>
struct Box {};
auto name = eventy::event_name<Box<int>>;
