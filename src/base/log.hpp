// Writes to the logger that the program chose.
#pragma once
#include <eventy/log.hpp>
#include <string_view>

namespace eventy::detail {

void log(LogLevel, std::string_view message);

}  // namespace eventy::detail
