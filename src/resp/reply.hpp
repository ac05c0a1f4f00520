// One reply of Redis, as a value.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace eventy::resp {

struct Reply {
    enum class Kind { nil, status, error, integer, text, array };
    Kind kind = Kind::nil;
    std::string text = {};          // of status, error ("WRONGTYPE Operation ..."), text
    std::int64_t integer = 0;       // of integer
    std::vector<Reply> items = {};  // of array

    bool is_error() const { return kind == Kind::error; }
    bool is_nil() const { return kind == Kind::nil; }
    /// Whether it is an error whose first word is this, such as "NOSCRIPT".
    bool is_error(std::string_view code) const {
        return is_error() && text.starts_with(code) && (text.size() == code.size() || text[code.size()] == ' ');
    }
};

}  // namespace eventy::resp
