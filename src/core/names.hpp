// What may stand in keys, and the ranges of a queue's settings. All throw Error(invalid_argument) that says what is
// wrong with which value.
#pragma once
#include <eventy/detail/queue.hpp>
#include <string_view>

namespace eventy::detail {

void check_prefix(std::string_view);
void check_event_type(std::string_view);
void check_group(std::string_view);
void check_settings(const QueueSettings&);
void check_limit(std::int64_t limit);
void check_filter(const EventFilter&);

/// The value in quotes for a message: control characters and what is not UTF-8 escaped, cut at 80 bytes.
std::string quoted(std::string_view);

}  // namespace eventy::detail
