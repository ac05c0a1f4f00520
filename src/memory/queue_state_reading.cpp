// The reading half of QueueState.
#include <algorithm>
#include <iterator>
#include <utility>

#include "memory/queue_state.hpp"

namespace eventy::memory {

namespace {

std::int64_t in_us(Timestamp time) { return (time - Timestamp()).count(); }

/// The part [first, last) of a container in the order of publishing that lies in the time range and before `before_us`.
template <class Moment, class Ordered>
auto in_time_range(Ordered& events, const EventFilter& filter, std::optional<std::int64_t> before_us) {
    const auto first =
        filter.created_at_min ? events.lower_bound(Moment{in_us(*filter.created_at_min)}) : events.begin();
    auto last = filter.created_at_max ? events.upper_bound(Moment{in_us(*filter.created_at_max)}) : events.end();
    if (before_us && (!filter.created_at_max || *before_us <= in_us(*filter.created_at_max))) {
        last = events.lower_bound(Moment{*before_us});
    }
    const bool upside_down =
        (filter.created_at_min && filter.created_at_max && *filter.created_at_min > *filter.created_at_max) ||
        (filter.created_at_min && before_us && in_us(*filter.created_at_min) >= *before_us);
    return upside_down ? std::pair(last, last) : std::pair(first, last);
}

/// What failed before says nothing about an event that every group has processed. Of one that is too large only its
/// history is read.
StoredEvent as_read(StoredEvent event, std::int64_t max_payload) {
    event.unreadable = too_large(event, max_payload);
    if (!event.unreadable.empty()) {
        event.payload.clear();
        event.key.clear();
        event.headers.clear();
        event.last_error.clear();
        event.failures.clear();
    }
    if (event.status == EventStatus::processed) {
        event.last_error.clear();
    }
    return event;
}

}  // namespace

std::vector<std::optional<StoredEvent>> QueueState::get(const std::vector<EventId>& ids, std::int64_t now,
                                                        std::int64_t max_payload) {
    expire(now);
    std::vector<std::optional<StoredEvent>> found;
    found.reserve(ids.size());
    for (const EventId id : ids) {
        const Event* const event = find(id);
        found.push_back(event == nullptr ? std::nullopt : std::optional(as_read(event->stored, max_payload)));
    }
    return found;
}

SearchReply QueueState::search(const SearchRequest& request, std::int64_t now, std::int64_t max_payload) {
    expire(now);
    SearchReply reply;
    const auto newest_first = [&](auto range, auto&& stored) {
        auto [first, last] = range;
        while (last != first && static_cast<std::int64_t>(reply.events.size()) < request.limit) {
            reply.events.push_back(as_read(stored(*--last), max_payload));
        }
        if (last != first && !reply.events.empty()) {
            reply.next_before_us = in_us(reply.events.back().created_at);
        }
    };
    if (request.filter.status) {
        newest_first(in_time_range<Moment>(with_status(*request.filter.status), request.filter, request.before_us),
                     [this](Position position) { return events_.find(position)->second.stored; });
    } else {
        newest_first(in_time_range<Moment>(events_, request.filter, request.before_us),
                     [](const auto& entry) { return entry.second.stored; });
    }
    return reply;
}

std::int64_t QueueState::count(const EventFilter& filter, std::int64_t now) {
    expire(now);
    const auto size = [&](auto& events) {
        const auto [first, last] = in_time_range<Moment>(events, filter, std::nullopt);
        return first == events.begin() && last == events.end() ? static_cast<std::int64_t>(events.size())
                                                               : std::distance(first, last);
    };
    return filter.status ? size(with_status(*filter.status)) : size(events_);
}

QueueStats QueueState::stats(std::int64_t now) {
    expire(now);
    forget_gone_subscribers(now);
    QueueStats stats;
    stats.last_id = last_id_;
    for (const EventStatus status :
         {EventStatus::pending, EventStatus::processing, EventStatus::processed, EventStatus::error}) {
        stats.by_status[status] = static_cast<std::int64_t>(with_status(status).size());
    }
    for (auto& [name, state] : groups_) {
        GroupStats& group_stats = stats.groups[name];
        group_stats.lag = state.lag();
        group_stats.leased = state.leased();
        auto oldest = state.oldest_delayed();
        if (!oldest && state.backlog() > 0) {
            oldest = next_beyond(state);  // younger than any that was handed out before
        }
        if (oldest) {
            const std::int64_t age = now - in_us(find(*oldest)->stored.created_at);
            group_stats.oldest_pending = milliseconds(std::max<std::int64_t>(age, 0) / 1000);
        }
        stats.expired += state.expired_count();
    }
    stats.subscribers = static_cast<std::int64_t>(subscribers_.size());
    return stats;
}

std::vector<SubscriberInfo> QueueState::subscribers(std::int64_t now) {
    forget_gone_subscribers(now);
    constexpr std::size_t most = 10000;
    std::vector<SubscriberInfo> found;
    for (const auto& [id, live] : subscribers_) {
        if (found.size() == most) {
            break;
        }
        found.push_back(live.info);
    }
    return found;
}

std::optional<SubscriberInfo> QueueState::subscriber(const std::string& id, std::int64_t now) {
    forget_gone_subscribers(now);
    const auto live = subscribers_.find(id);
    return live == subscribers_.end() ? std::nullopt : std::optional(live->second.info);
}

}  // namespace eventy::memory
