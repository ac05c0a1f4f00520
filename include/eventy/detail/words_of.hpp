// What a program's exception says.
#pragma once
#include <exception>

namespace eventy::detail {

/// Its what(), or words that say that there are none: a program's own what() may be a null pointer.
inline const char* words_of(const std::exception& error) noexcept {
    const char* const words = error.what();
    return words != nullptr ? words : "an exception whose what() is a null pointer";
}

}  // namespace eventy::detail
