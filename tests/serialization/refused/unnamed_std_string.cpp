#include <eventy/event_name.hpp>
#include <string>

auto name = eventy::event_name<std::string>;
