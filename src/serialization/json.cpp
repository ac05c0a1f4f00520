#include <algorithm>
#include <eventy/detail/json_codec.hpp>
#include <eventy/json.hpp>

#include "serialization/excerpt.hpp"

template struct eventy::detail::JsonCodec<nlohmann::json>;

namespace eventy::detail {

namespace {

const char* name_of(Format format) {
    switch (format) {
        case Format::json: return "JSON";
        case Format::msgpack: return "MessagePack";
        case Format::cbor: return "CBOR";
    }
    return "unknown";
}

[[noreturn]] void fail(const std::string& message) { throw SerializationError(errc::serialization, message); }

/// Without nlohmann's "[json.exception.parse_error.101] ".
std::string_view without_tag(std::string_view what) {
    if (what.starts_with("[json.exception.")) {
        what.remove_prefix(std::min(what.find("] ") + 2, what.size()));
    }
    return what;
}

void remove_through(std::string_view& text, std::string_view mark) {
    if (const auto at = text.find(mark); at != std::string_view::npos) {
        text.remove_prefix(at + mark.size());
    }
}

/// From nlohmann's "parse error at line 1, column 7: syntax error while parsing value - invalid literal; last read:
/// '...'; expected ..." what is left to say when form and byte are known. The token may be as long as the payload.
std::string short_parse_error(std::string_view what) {
    std::string_view text = without_tag(what);
    if (text.starts_with("parse error")) {
        remove_through(text, ": ");
    }
    if (text.starts_with("syntax error while parsing ")) {
        const auto dash = text.find(" - ");
        const auto colon = text.find(": ");
        text.remove_prefix(std::min(dash < colon ? dash + 3 : colon + 2, text.size()));
    }
    const auto token = text.find("; last read: ");
    std::string result(text.substr(0, token));
    if (const auto expected = text.rfind("; expected ");
        token != std::string_view::npos && expected != std::string_view::npos && expected > token) {
        result.append(text.substr(expected));
    }
    constexpr std::size_t longest = 160;
    if (result.size() > longest) {
        result.resize(longest);
        result.append("...");
    }
    return result;
}

bool is_plain_key(std::string_view key) {
    constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    return !key.empty() && key.size() <= 60 && key.find_first_not_of(allowed) == std::string_view::npos;
}

/// "field 'items[2].price'".
std::string describe_field(std::string_view path) {
    if (path.empty()) {
        return "the value";
    }
    if (path.front() == '.') {
        path.remove_prefix(1);
    }
    return "field '" + std::string(path) + '\'';
}

}  // namespace

void throw_unparsable(Format format, std::size_t byte, const char* what) {
    std::string message = std::string("not ") + name_of(format) + ": " + short_parse_error(what);
    if (byte > 0) {
        message += " at byte " + std::to_string(byte);
    }
    fail(message);
}

void throw_too_deep(Format format) {
    fail(std::string(name_of(format)) + " nested deeper than " + std::to_string(max_json_depth) + " levels");
}

void throw_unwritable(const char* reason) { fail("no JSON form: " + std::string(without_tag(reason))); }

void throw_unwritable_field(std::string_view path, const char* reason) {
    fail(describe_field(path) + ": " + std::string(without_tag(reason)));
}

void throw_refused_field(const RefusedField& field) {
    std::string reason = field.reason;
    if (field.missing) {
        reason = "is missing";
    } else if (reason.starts_with("cannot use ") && !field.type.empty() && field.type != "object") {
        // "cannot use at() with array": the macros' way of asking for an object.
        reason = "must be an object, but is " + field.type;
    }
    if (field.path.empty()) {
        fail(reason);
    }
    fail(describe_field(field.path) + (field.missing ? " " : ": ") + reason);
}

std::string path_of_key(std::string_view key) {
    return is_plain_key(key) ? '.' + std::string(key) : '[' + excerpt(key) + ']';
}

std::string plain_reason(std::string_view what) {
    std::string_view text = without_tag(what);
    if (text.size() < what.size() && text.starts_with("(/")) {
        remove_through(text, ") ");
    }
    return std::string(text);
}

std::optional<std::string> missing_key(std::string_view reason) {
    constexpr std::string_view before = "key '";
    constexpr std::string_view after = "' not found";
    if (!reason.starts_with(before) || !reason.ends_with(after) || reason.size() < before.size() + after.size()) {
        return std::nullopt;
    }
    return std::string(reason.substr(before.size(), reason.size() - before.size() - after.size()));
}

}  // namespace eventy::detail
