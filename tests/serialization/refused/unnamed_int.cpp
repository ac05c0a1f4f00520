#include <eventy/event_name.hpp>

auto name = eventy::event_name<int>;
