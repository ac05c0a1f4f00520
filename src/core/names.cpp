#include "core/names.hpp"

#include <algorithm>
#include <string>

#include "base/utf8.hpp"
#include "core/retry_decision.hpp"

namespace eventy::detail {

namespace {

constexpr std::size_t longest_name = 200;
constexpr auto longest_ttl = std::chrono::hours(24) * 36525;  // 100 years
constexpr auto shortest_lease = milliseconds(50);
constexpr auto longest_lease = std::chrono::hours(24);
constexpr auto longest_handler_timeout = std::chrono::hours(24 * 30);
constexpr auto longest_publish_timeout = std::chrono::hours(24);
constexpr int most_handlers = 1024;
constexpr std::int64_t largest_payload = std::int64_t{32} * 1024 * 1024;  // as much as one call may publish

[[noreturn]] void refuse(const std::string& message) { throw Error(errc::invalid_argument, message); }

void check_common(std::string_view what, std::string_view name) {
    if (name.empty()) {
        refuse("the " + std::string(what) + " is empty");
    }
    if (name.size() > longest_name) {
        refuse("the " + std::string(what) + " " + quoted(name) + " has " + std::to_string(name.size()) +
               " bytes; at most " + std::to_string(longest_name) + " are allowed");
    }
    if (!is_utf8(name)) {
        refuse("the " + std::string(what) + " " + quoted(name) + " is not UTF-8");
    }
    for (const char c : name) {
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) {
            refuse("the " + std::string(what) + " " + quoted(name) + " contains a space or a control character");
        }
        if (std::string_view("*?[]\\").find(c) != std::string_view::npos) {
            refuse("the " + std::string(what) + " " + quoted(name) + " contains '" + c +
                   "', a glob character of Redis");
        }
    }
}

void check_plain(std::string_view what, std::string_view name) {
    check_common(what, name);
    for (const char c : name) {
        if (c == ':' || c == '{' || c == '}') {
            refuse("the " + std::string(what) + " " + quoted(name) + " contains '" + c +
                   "', which separates the parts of keys");
        }
    }
}

}  // namespace

std::string quoted(std::string_view text) {
    constexpr std::size_t longest = 80;
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "\"";
    for (std::string_view rest = text; !rest.empty() && text.size() - rest.size() < longest;) {
        const auto byte = static_cast<unsigned char>(rest.front());
        const std::size_t length = byte < 0x20 || byte == 0x7f ? 0 : utf8_length(rest);
        if (length == 0) {
            out += "\\x";
            out += digits[byte >> 4U];
            out += digits[byte & 15U];
            rest.remove_prefix(1);
        } else {
            out += rest.substr(0, length);
            rest.remove_prefix(length);
        }
    }
    return out + (text.size() > longest ? "...\"" : "\"");
}

void check_prefix(std::string_view prefix) {
    check_common("key prefix", prefix);
    const auto braces = std::count_if(prefix.begin(), prefix.end(), [](char c) { return c == '{' || c == '}'; });
    if (braces == 0) {
        return;
    }
    const auto open = prefix.find('{');
    const auto close = prefix.find('}');
    const bool one_tag =
        braces == 2 && open != std::string_view::npos && close != std::string_view::npos && open + 1 < close;
    if (!one_tag) {
        refuse("the key prefix " + quoted(prefix) +
               " has more than one hash tag or a broken one: a tag is one pair of braces with something in it");
    }
    if (prefix.substr(open, close - open).find(':') != std::string_view::npos) {
        refuse("the hash tag of the key prefix " + quoted(prefix) + " contains ':'");
    }
}

void check_event_type(std::string_view type) { check_plain("event type", type); }

void check_group(std::string_view group) { check_plain("group", group); }

void check_settings(const QueueSettings& settings) {
    check_event_type(settings.event_type);
    check_prefix(settings.key_prefix);
    if (settings.event_ttl <= milliseconds(0) || settings.event_ttl > longest_ttl) {
        refuse("event_ttl is " + std::to_string(settings.event_ttl.count()) +
               " ms; it must be over 0 and at most 100 years");
    }
    if (settings.concurrency && (*settings.concurrency < 1 || *settings.concurrency > most_handlers)) {
        refuse("concurrency is " + std::to_string(*settings.concurrency) + "; it must be 1 to " +
               std::to_string(most_handlers));
    }
    if (settings.lease < shortest_lease || settings.lease > longest_lease) {
        refuse("lease is " + std::to_string(settings.lease.count()) + " ms; it must be 50 ms to 1 day");
    }
    if (settings.handler_timeout < milliseconds(0) || settings.handler_timeout > longest_handler_timeout) {
        refuse("handler_timeout is " + std::to_string(settings.handler_timeout.count()) +
               " ms; it must be 0 (none) to 30 days");
    }
    if (settings.publish_timeout &&
        (*settings.publish_timeout < milliseconds(0) || *settings.publish_timeout > longest_publish_timeout)) {
        refuse("publish_timeout is " + std::to_string(settings.publish_timeout->count()) +
               " ms; it must be 0 (do not wait for a connection) to 24 hours");
    }
    if (settings.publish_buffer_bytes < 0) {
        refuse("publish_buffer_bytes is " + std::to_string(settings.publish_buffer_bytes) + "; it must be 0 or more");
    }
    if (settings.max_payload_bytes < 1 || settings.max_payload_bytes > largest_payload) {
        refuse("max_payload_bytes is " + std::to_string(settings.max_payload_bytes) + "; it must be 1 to " +
               std::to_string(largest_payload) + " (32 MiB)");
    }
    check_policy(settings.retry);
}

void check_limit(std::int64_t limit) {
    if (limit < 1 || limit > 10'000) {
        refuse("the page limit is " + std::to_string(limit) + "; it must be 1 to 10000");
    }
}

void check_filter(const EventFilter& filter) {
    if (filter.status && !parse_event_status(to_string(*filter.status))) {
        refuse("the filter's status is " + std::to_string(static_cast<int>(*filter.status)) +
               ", which is no EventStatus");
    }
}

}  // namespace eventy::detail
