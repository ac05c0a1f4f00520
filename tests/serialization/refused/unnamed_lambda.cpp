#include <eventy/event_name.hpp>

auto lambda = [] {};
auto name = eventy::event_name<decltype(lambda)>;
