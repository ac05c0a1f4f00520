#include "resp/writer.hpp"

#include <algorithm>
#include <charconv>

namespace eventy::resp {

namespace {

void append_header(std::string& out, char type, std::size_t number) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    out.push_back(type);
    out.append(digits, end).append("\r\n");
}

}  // namespace

void append_command(std::string& out, std::span<const std::string_view> args) {
    std::size_t size = 32;
    for (const auto arg : args) {
        size += arg.size() + 32;
    }
    // At least doubled, so that many small commands in one buffer do not copy it each time.
    if (out.capacity() - out.size() < size) {
        out.reserve(out.empty() ? size : std::max(out.size() + size, out.capacity() * 2));
    }
    append_header(out, '*', args.size());
    for (const auto arg : args) {
        append_header(out, '$', arg.size());
        out.append(arg).append("\r\n");
    }
}

}  // namespace eventy::resp
