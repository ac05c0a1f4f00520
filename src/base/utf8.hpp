// Which bytes are UTF-8.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace eventy::detail {

/// Length of the well-formed sequence at the front, 1 to 4; 0 where there is none (the Unicode Standard, table 3-7: no
/// overlong forms, no surrogates, nothing over U+10FFFF).
std::size_t utf8_length(std::string_view);

/// Whether all of it is.
bool is_utf8(std::string_view);

/// The text with U+FFFD in place of each byte that is not UTF-8, cut before the character that would make it longer
/// than `most_bytes`.
std::string to_utf8(std::string_view, std::size_t most_bytes);

/// As all stores keep what a handler threw.
inline std::string error_text(std::string_view text) { return to_utf8(text, 4096); }

}  // namespace eventy::detail
