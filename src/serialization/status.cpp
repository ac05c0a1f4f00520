#include <eventy/status.hpp>
#include <ostream>

namespace eventy {

namespace {

constexpr EventStatus all_statuses[] = {EventStatus::pending, EventStatus::processing, EventStatus::processed,
                                        EventStatus::error};

constexpr char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

bool same_word(std::string_view text, std::string_view upper_word) {
    if (text.size() != upper_word.size()) {
        return false;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (to_upper(text[i]) != upper_word[i]) {
            return false;
        }
    }
    return true;
}

}  // namespace

std::string_view to_string(EventStatus status) {
    switch (status) {
        case EventStatus::pending: return "PENDING";
        case EventStatus::processing: return "PROCESSING";
        case EventStatus::processed: return "PROCESSED";
        case EventStatus::error: return "ERROR";
    }
    return "UNKNOWN";
}

std::optional<EventStatus> parse_event_status(std::string_view text) {
    for (const EventStatus status : all_statuses) {
        if (same_word(text, to_string(status))) {
            return status;
        }
    }
    return std::nullopt;
}

std::ostream& operator<<(std::ostream& out, EventStatus status) { return out << to_string(status); }

}  // namespace eventy
