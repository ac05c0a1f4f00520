#include "serialization/excerpt.hpp"

#include "base/utf8.hpp"

namespace eventy::detail {

namespace {

constexpr std::size_t max_excerpt = 60;

bool is_printable(char c) { return c >= ' ' && c != '\x7F'; }

}  // namespace

std::string excerpt(std::string_view text) {
    std::string out = "'";
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const std::size_t step = length == 0 ? 1 : length;
        if (out.size() + step > max_excerpt + 1) {
            return out.append("...'");
        }
        if (length > 1 || (length == 1 && is_printable(text[0]))) {
            out.append(text.substr(0, length));
        } else {
            out.push_back('?');
        }
        text.remove_prefix(step);
    }
    return out.append("'");
}

}  // namespace eventy::detail
