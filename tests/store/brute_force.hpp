// What a search has to find, by looking at everything.
#pragma once
#include <array>
#include <vector>

#include "store/store_fixture.hpp"

namespace eventy::test {

constexpr std::array all_statuses = {EventStatus::pending, EventStatus::processing, EventStatus::processed,
                                     EventStatus::error};

/// All events, newest first, with the status that the keys of each say.
inline std::vector<StoredEvent> look_at_everything(Session& session, EventId last) {
    std::vector<EventId> ids;
    for (EventId id = last; id >= 1; --id) {
        ids.push_back(id);
    }
    std::vector<StoredEvent> found;
    for (const auto& event : session.get(ids)) {
        if (event) {
            found.push_back(*event);
        }
    }
    return found;
}

inline std::vector<StoredEvent> matching(const std::vector<StoredEvent>& events, const EventFilter& filter) {
    std::vector<StoredEvent> found;
    for (const StoredEvent& event : events) {
        if ((!filter.status || event.status == *filter.status) &&
            (!filter.created_at_min || event.created_at >= *filter.created_at_min) &&
            (!filter.created_at_max || event.created_at <= *filter.created_at_max)) {
            found.push_back(event);
        }
    }
    return found;
}

}  // namespace eventy::test
