// Page ids: where a search goes on, in a form that can be checked when it comes back.
#pragma once
#include <cstdint>
#include <eventy/records.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace eventy::detail {

/// What a page id belongs to: another search's ids are refused.
std::string search_identity(std::string_view prefix, std::string_view type, const EventFilter&);

std::string make_page_id(std::string_view identity, std::string_view position);

/// The position, if `page_id` was made by `make_page_id` for this identity.
std::optional<std::string> read_page_id(std::string_view identity, std::string_view page_id);

/// The whole text as a number, or nothing.
std::optional<std::int64_t> parse_number(std::string_view);

}  // namespace eventy::detail
