// Where an event stands.
#pragma once
#include <iosfwd>
#include <optional>
#include <string_view>

namespace eventy {

/// Over all groups of a queue: `error` if any group gave the event up, else `processing` if any group holds it, else
/// `pending` if any group has yet to process it, else `processed`.
enum class EventStatus { pending, processing, processed, error };

/// `PENDING`, `PROCESSING`, `PROCESSED` or `ERROR`: the words that stand in Redis.
std::string_view to_string(EventStatus);

/// The same words, in upper or lower case; anything else: nullopt.
std::optional<EventStatus> parse_event_status(std::string_view);

std::ostream& operator<<(std::ostream&, EventStatus);

}  // namespace eventy
