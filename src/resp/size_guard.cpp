#include "resp/size_guard.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

namespace eventy::resp {

namespace {

constexpr std::size_t excerpt_bytes = 32;
constexpr std::size_t number_bytes = 20;  // "-9223372036854775808"

std::string excerpt(std::string_view bytes) {
    std::string text = "'";
    for (const char c : bytes.substr(0, excerpt_bytes)) {
        text.push_back(c >= ' ' && c <= '~' ? c : '.');
    }
    return text + (bytes.size() > excerpt_bytes ? "...'" : "'");
}

/// As Redis writes lengths: digits without leading zeros, or -1.
std::optional<std::int64_t> parse_length(std::string_view text) {
    if (text == "-1") {
        return -1;
    }
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool plain = !text.empty() && text[0] != '-' && (text[0] != '0' || text.size() == 1);
    if (error != std::errc{} || end != text.data() + text.size() || !plain) {
        return std::nullopt;
    }
    return value;
}

}  // namespace

std::size_t SizeGuard::pass(std::string_view bytes) {
    std::size_t passed = 0;
    while (passed < bytes.size() && !problem_) {
        passed += step(bytes.substr(passed));
    }
    return passed;
}

std::size_t SizeGuard::step(std::string_view bytes) {
    switch (place_) {
        case Place::type: return pass_type(bytes);
        case Place::line: return pass_line(bytes);
        case Place::number: return pass_number(bytes);
        case Place::body_end: return pass_body_end(bytes);
        case Place::body: break;
    }
    const auto count = std::min<std::size_t>(bytes.size(), static_cast<std::size_t>(body_left_));
    body_left_ -= static_cast<std::int64_t>(count);
    if (body_left_ == 0) {
        place_ = Place::body_end;
        body_end_at_ = 0;
    }
    return count;
}

std::size_t SizeGuard::pass_type(std::string_view bytes) {
    type_ = bytes[0];
    after_return_ = false;
    switch (type_) {
        case '+':
        case '-':
        case ':':
            place_ = Place::line;
            line_left_ = type_ == ':' ? static_cast<std::int64_t>(number_bytes) : limits_.line_bytes;
            break;
        case '*':
            if (open_arrays_.size() >= limits_.depth) {
                too_large("arrays nested over " + std::to_string(limits_.depth) + " deep");
                return 0;
            }
            [[fallthrough]];
        case '$':
            place_ = Place::number;
            number_.clear();
            break;
        default: not_resp("a reply", bytes); return 0;
    }
    ++bytes_;
    return 1;
}

std::size_t SizeGuard::pass_line(std::string_view bytes) {
    const auto* const found = static_cast<const char*>(std::memchr(bytes.data(), '\n', bytes.size()));
    const std::size_t length =
        found == nullptr ? bytes.size() : static_cast<std::size_t>(found - bytes.data()) + std::size_t{1};
    // The limit is for what stands before "\r\n".
    line_left_ -= static_cast<std::int64_t>(length);
    if (line_left_ < (found == nullptr ? -1 : -2)) {
        if (type_ == ':') {
            not_resp("an integer", bytes);
        } else {
            too_large("a line of over " + std::to_string(limits_.line_bytes) + " bytes");
        }
        return 0;
    }
    bytes_ += static_cast<std::int64_t>(length);
    const bool ends = found != nullptr && (length > 1 ? bytes[length - 2] == '\r' : after_return_);
    after_return_ = bytes[length - 1] == '\r';
    if (ends) {
        end_of_item();
    }
    return length;
}

std::size_t SizeGuard::pass_number(std::string_view bytes) {
    std::size_t count = 0;
    while (count < bytes.size() && place_ == Place::number && !problem_) {
        const char c = bytes[count];
        if (after_return_) {
            if (c != '\n') {
                not_resp("the end of a length", bytes.substr(count));
                return count;
            }
            end_of_number();
            if (problem_) {
                return count;
            }
        } else if (c == '\r') {
            after_return_ = true;
        } else if (number_.size() < number_bytes && ((c >= '0' && c <= '9') || (c == '-' && number_.empty()))) {
            number_.push_back(c);
        } else {
            not_resp("a length", bytes.substr(count));
            return count;
        }
        ++count;
        ++bytes_;
    }
    return count;
}

void SizeGuard::end_of_number() {
    const auto length = parse_length(number_);
    if (!length) {
        not_resp("a length", number_);
    } else if (type_ == '$') {
        begin_bulk(*length);
    } else {
        begin_array(*length);
    }
}

void SizeGuard::begin_bulk(std::int64_t length) {
    if (length < 0) {
        end_of_item();
        return;
    }
    if (length > limits_.bulk_bytes) {
        too_large("a string of " + std::to_string(length) + " bytes");
        return;
    }
    bytes_ += length + 2;
    if (bytes_ > limits_.total_bytes) {
        too_large("a reply of over " + std::to_string(limits_.total_bytes) + " bytes");
        return;
    }
    body_left_ = length;
    body_end_at_ = 0;
    place_ = length == 0 ? Place::body_end : Place::body;
}

void SizeGuard::begin_array(std::int64_t length) {
    if (length <= 0) {
        end_of_item();
        return;
    }
    if (length > limits_.elements - elements_) {
        too_large("arrays of over " + std::to_string(limits_.elements) + " elements");
        return;
    }
    elements_ += length;
    open_arrays_.push_back(length);
    place_ = Place::type;
}

std::size_t SizeGuard::pass_body_end(std::string_view bytes) {
    if (bytes[0] != "\r\n"[body_end_at_]) {
        not_resp("the end of a string", bytes);
        return 0;
    }
    if (++body_end_at_ == 2) {
        end_of_item();
    }
    return 1;
}

void SizeGuard::end_of_item() {
    place_ = Place::type;
    while (!open_arrays_.empty() && --open_arrays_.back() == 0) {
        open_arrays_.pop_back();
    }
    if (open_arrays_.empty()) {
        bytes_ = 0;
        elements_ = 0;
    } else if (bytes_ > limits_.total_bytes) {
        too_large("a reply of over " + std::to_string(limits_.total_bytes) + " bytes");
    }
}

void SizeGuard::too_large(std::string message) { problem_ = ReadProblem{true, std::move(message)}; }

void SizeGuard::not_resp(std::string_view expected, std::string_view at) {
    problem_ = ReadProblem{false, "expected " + std::string(expected) + ", got " + excerpt(at)};
}

}  // namespace eventy::resp
