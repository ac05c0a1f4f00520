#include "core/page_id.hpp"

#include <array>
#include <charconv>

namespace eventy::detail {

namespace {

// FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv): against mistakes, not against forgery; a forged position
// shows nothing that the search itself would not.
std::uint64_t fnv1a(std::string_view text, std::uint64_t hash = 14695981039346656037ULL) {
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    }
    return hash;
}

std::string checksum(std::string_view identity, std::string_view position) {
    const auto hash = fnv1a(position, fnv1a(std::string(identity) + '\n'));
    std::array<char, 17> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), hash, 16).ptr;
    return {text.data(), end};
}

}  // namespace

std::string search_identity(std::string_view prefix, std::string_view type, const EventFilter& filter) {
    const auto time = [](const std::optional<Timestamp>& t) { return t ? to_string(*t) : std::string("-"); };
    std::string identity(prefix);
    identity.append("\n").append(type).append("\n").append(time(filter.created_at_min));
    identity.append("\n").append(time(filter.created_at_max));
    return identity.append("\n").append(filter.status ? to_string(*filter.status) : "-");
}

std::string make_page_id(std::string_view identity, std::string_view position) {
    return std::string("p1.").append(position).append(".").append(checksum(identity, position));
}

std::optional<std::string> read_page_id(std::string_view identity, std::string_view page_id) {
    if (!page_id.starts_with("p1.") || page_id.size() > 300) {
        return std::nullopt;
    }
    page_id.remove_prefix(3);
    const auto dot = page_id.rfind('.');
    if (dot == std::string_view::npos) {
        return std::nullopt;
    }
    const auto position = page_id.substr(0, dot);
    if (page_id.substr(dot + 1) != checksum(identity, position)) {
        return std::nullopt;
    }
    return std::string(position);
}

std::optional<std::int64_t> parse_number(std::string_view text) {
    std::int64_t number = 0;
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const auto [last, error] = std::from_chars(begin, end, number);
    if (error != std::errc{} || last != end) {
        return std::nullopt;
    }
    return number;
}

}  // namespace eventy::detail
