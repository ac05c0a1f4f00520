#include "serialization/excerpt.hpp"

namespace eventy::detail {

namespace {

constexpr std::size_t max_excerpt = 60;

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

bool is_printable(char c) { return c >= ' ' && c != '\x7F'; }

}  // namespace

std::size_t utf8_length(std::string_view text) {
    if (text.empty()) {
        return 0;
    }
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80) {
        return 1;
    }
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < length) {
        return 0;
    }
    for (std::size_t i = 1; i < length; ++i) {
        if (!is_continuation(text[i])) {
            return 0;
        }
    }
    // The Unicode Standard, table 3-7: no overlong forms, no surrogates, nothing over U+10FFFF.
    const auto second = static_cast<unsigned char>(text[1]);
    const bool refused = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
                         (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F);
    return refused ? 0 : length;
}

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
