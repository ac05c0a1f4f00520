// Commands as RESP.
#pragma once
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace eventy::resp {

/// Appends the command as an array of bulk strings; any bytes are fine in the arguments.
void append_command(std::string& out, std::span<const std::string_view> args);
inline void append_command(std::string& out, std::initializer_list<std::string_view> args) {
    append_command(out, std::span(args.begin(), args.size()));
}

}  // namespace eventy::resp
