// The bodies of JsonCodec. The library compiles them once; a program whose nlohmann::json is another type than the
// library's gets them through <eventy/json.hpp>.
#pragma once
#include <cmath>
#include <eventy/detail/json_culprit.hpp>
#include <eventy/json.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eventy::detail {

inline constexpr std::size_t max_json_depth = 512;

/// "syntax error ..." of nlohmann/json, in one short sentence with the form's name and the byte.
[[noreturn]] void throw_unparsable(Format, std::size_t byte, const char* what);
[[noreturn]] void throw_too_deep(Format);
[[noreturn]] void throw_unwritable_field(std::string_view path, const char* reason);

/// Builds a value from SAX events, and counts how deep it is: nlohmann's own builder does not, and its binary reader
/// recurses as deep as the input says.
template <class J>
class JsonBuilder {
public:
    JsonBuilder(J& root, Format format) : root_(root), format_(format) {}

    bool null() { return put(nullptr); }
    bool boolean(bool value) { return put(value); }
    bool number_integer(typename J::number_integer_t value) { return put(value); }
    bool number_unsigned(typename J::number_unsigned_t value) { return put(value); }
    bool number_float(typename J::number_float_t value, const typename J::string_t&) { return put(value); }
    bool string(typename J::string_t& value) { return put(std::move(value)); }
    bool binary(typename J::binary_t& value) { return put(std::move(value)); }
    bool start_object(std::size_t) { return open(J::object()); }
    bool key(typename J::string_t& name) {
        member_ = &(*open_.back())[std::move(name)];
        return true;
    }
    bool end_object() { return close(); }
    bool start_array(std::size_t) { return open(J::array()); }
    bool end_array() { return close(); }
    template <class E>
    bool parse_error(std::size_t byte, const std::string&, const E& error) {
        throw_unparsable(format_, byte, error.what());
    }

private:
    J* place(J&& value) {
        if (open_.empty()) {
            root_ = std::move(value);
            return &root_;
        }
        if (open_.back()->is_array()) {
            open_.back()->push_back(std::move(value));
            return &open_.back()->back();
        }
        *member_ = std::move(value);
        return member_;
    }
    template <class V>
    bool put(V&& value) {
        place(J(std::forward<V>(value)));
        return true;
    }
    bool open(J&& container) {
        if (open_.size() == max_json_depth) {
            throw_too_deep(format_);
        }
        open_.push_back(place(std::move(container)));
        return true;
    }
    bool close() {
        open_.pop_back();
        return true;
    }

    J& root_;
    Format format_;
    std::vector<J*> open_;  // from the root to where the next value belongs
    J* member_ = nullptr;   // in an object: the value of the key just read
};

/// Looks for what cannot be written. The path is put together on the way back only.
template <class J>
class UnwritableSearch {
public:
    explicit UnwritableSearch(Format format) : format_(format) {}

    /// Whether there is something; then `path` and `reason` say what.
    bool find(const J& value, std::size_t depth = 0) {
        if (value.is_number_float()) {
            return format_ == Format::json && !std::isfinite(value.template get<double>()) &&
                   refuse("NaN and infinity have no JSON form");
        }
        // It would become a tag, and nlohmann's reader refuses those.
        if (value.is_binary() && format_ == Format::cbor && value.get_binary().has_subtype()) {
            return refuse("binary data with a subtype has no CBOR form");
        }
        if (!value.is_structured()) {
            return false;
        }
        if (depth == max_json_depth) {
            throw_too_deep(format_);
        }
        std::size_t index = 0;
        for (const J& element : value) {
            if (find(element, depth + 1)) {
                prepend(value, index);
                return true;
            }
            ++index;
        }
        return false;
    }

    /// The same for text that is not UTF-8, which nlohmann's writer has refused.
    bool find_bad_text(const J& value) {
        if (const auto* text = value.template get_ptr<const typename J::string_t*>()) {
            return !is_utf8(*text) && refuse("the text is not UTF-8");
        }
        if (!value.is_structured()) {
            return false;
        }
        std::size_t index = 0;
        for (auto element = value.begin(); element != value.end(); ++element, ++index) {
            if (value.is_object() && !is_utf8(element.key())) {
                return refuse("a key is not UTF-8");
            }
            if (find_bad_text(*element)) {
                prepend(value, index);
                return true;
            }
        }
        return false;
    }

    const std::string& path() const { return path_; }
    const char* reason() const { return reason_; }

private:
    bool refuse(const char* reason) {
        reason_ = reason;
        return true;
    }
    void prepend(const J& parent, std::size_t index) {
        if (parent.is_array()) {
            path_ = '[' + std::to_string(index) + ']' + path_;
        } else {
            path_ = path_of_key(std::next(parent.begin(), static_cast<std::ptrdiff_t>(index)).key()) + path_;
        }
    }

    Format format_;
    std::string path_;
    const char* reason_ = "";
};

template <class J>
J JsonCodec<J>::parse(std::string_view bytes, Format format) {
    using Input = typename J::input_format_t;
    if (bytes.empty()) {
        throw_unparsable(format, 0, "no bytes at all");
    }
    // nlohmann's lexer takes a NUL for the end and does not look further; JSON has no place for one.
    if (const auto nul = bytes.find('\0'); format == Format::json && nul != std::string_view::npos) {
        throw_unparsable(format, nul + 1, "unexpected NUL");
    }
    J value;
    JsonBuilder<J> builder(value, format);
    const auto input = format == Format::json ? Input::json : format == Format::msgpack ? Input::msgpack : Input::cbor;
    J::sax_parse(bytes.begin(), bytes.end(), &builder, input);
    return value;
}

template <class J>
std::string JsonCodec<J>::write(const J& value, Format format) {
    UnwritableSearch<J> search(format);
    if (search.find(value)) {
        throw_unwritable_field(search.path(), search.reason());
    }
    if (format == Format::json) {
        try {
            return value.dump();
        } catch (const std::exception& error) {
            search.find_bad_text(value);
            throw_unwritable_field(search.path(), *search.reason() != '\0' ? search.reason() : error.what());
        }
    }
    std::string bytes;
    if (format == Format::msgpack) {
        J::to_msgpack(value, bytes);
    } else {
        J::to_cbor(value, bytes);
    }
    return bytes;
}

template <class J>
void JsonCodec<J>::throw_refused(const J& value, std::size_t bytes, std::string_view reason, Refusal refusal) {
    throw_refused_field(JsonCulprit<J>(value, bytes, reason, refusal).find());
}

}  // namespace eventy::detail
