#include "memory/queue_state.hpp"

#include <algorithm>
#include <limits>

#include "base/utf8.hpp"
#include "memory/times.hpp"

namespace eventy::memory {

namespace {

constexpr const char* default_group = "default";

/// ERROR before PROCESSING before PENDING before PROCESSED.
int precedence(EventStatus status) {
    switch (status) {
        case EventStatus::error: return 3;
        case EventStatus::processing: return 2;
        case EventStatus::pending: return 1;
        case EventStatus::processed: return 0;
    }
    return 0;
}

}  // namespace

std::string too_large(const StoredEvent& event, std::int64_t max_payload) {
    if (static_cast<std::int64_t>(event.payload.size()) <= max_payload) {
        return {};
    }
    return "its payload has " + std::to_string(event.payload.size()) + " bytes, more than the max_payload_bytes of " +
           std::to_string(max_payload);
}

PublishReply QueueState::publish(PublishRequest request, std::int64_t now) {
    expire(now);
    group(default_group);
    PublishReply reply{last_id_ + 1, std::max(last_us_ + 1, now)};
    reply.repeated = sort_out_repeated(request, reply.first_id, reply.first_us, now);
    const auto count = static_cast<std::int64_t>(request.events.size());
    for (std::int64_t i = 0; i < count; ++i) {
        NewEvent& from = request.events[static_cast<std::size_t>(i)];
        const Position position{reply.first_id + i, reply.first_us + i};
        Event event;
        event.stored.id = position.id;
        event.stored.created_at = at(position.us);
        event.stored.payload = std::move(from.payload);
        event.stored.worker_id = request.worker_id;
        event.stored.key = std::move(from.key);
        event.stored.headers = std::move(from.headers);
        event.expires_us = now + in_us(request.ttl);
        expiry_.emplace(event.expires_us, position.id);
        with_status(EventStatus::pending).insert(with_status(EventStatus::pending).end(), position);
        events_.emplace_hint(events_.end(), position, std::move(event));
        signals_.notices.push_back({position.id, EventStatus::pending, request.worker_id});
    }
    last_id_ += count;
    last_us_ = count == 0 ? last_us_ : reply.first_us + count - 1;
    for (auto& [name, state] : groups_) {
        state.published(count);
        wake_if_idle(name, state);
    }
    return reply;
}

std::vector<PublishReply::Repeated> QueueState::sort_out_repeated(PublishRequest& request, EventId first_id,
                                                                  std::int64_t first_us, std::int64_t now) {
    std::vector<PublishReply::Repeated> repeated;
    if (request.once.empty()) {
        return repeated;
    }
    std::vector<bool> keep(request.events.size(), true);
    std::int64_t left_out = 0;
    for (std::size_t unit = 0; const PublishOnce& once : request.once) {
        const auto known = once_.find(once.word);
        const auto count = static_cast<std::int64_t>(once.count);
        const auto is_there = [&](const Published& before) {
            return before.first_id >= first_id || find(before.first_id) != nullptr;  // or it comes in this call
        };
        if (known != once_.end() && is_there(known->second)) {
            const Published& before = known->second;
            repeated.push_back({unit, before.first_id, before.first_us, before.count});
            std::fill_n(keep.begin() + static_cast<std::ptrdiff_t>(once.first), count, false);
            left_out += count;
        } else {
            const std::int64_t offset = static_cast<std::int64_t>(once.first) - left_out;
            const Published published{first_id + offset, first_us + offset, count, now + in_us(once.window)};
            once_until_.emplace(published.until, once.word);
            once_[once.word] = published;
        }
        ++unit;
    }
    std::vector<NewEvent> fresh;
    for (std::size_t i = 0; i < keep.size(); ++i) {
        if (keep[i]) {
            fresh.push_back(std::move(request.events[i]));
        }
    }
    request.events = std::move(fresh);
    return repeated;
}

std::vector<ByHand> QueueState::retry(const RetryRequest& request, std::int64_t now) {
    expire(now);
    std::vector<ByHand> outcomes;
    for (const EventId id : request.ids) {
        Event* const event = find(id);
        if (event == nullptr) {
            outcomes.push_back(ByHand::gone);
            continue;
        }
        bool changed = false;
        for (auto& [name, state] : groups_) {
            if (state.revive(id) || (request.delayed_too && state.hasten(id, now))) {
                changed = true;
                wake_if_idle(name, state);
            }
        }
        if (changed) {
            event->discarded = false;
            event->stored.processed_by.clear();
            event->stored.started_at.reset();
            event->stored.finished_at.reset();
            event->stored.attempt = event->stored.failures.empty() ? 0 : event->stored.failures.back().attempt;
            keep_until(*event, now + in_us(request.ttl));
            refresh(*event, {});
        }
        outcomes.push_back(changed ? ByHand::done : ByHand::unchanged);
    }
    return outcomes;
}

std::vector<ByHand> QueueState::discard(const DiscardRequest& request, std::int64_t now) {
    expire(now);
    std::vector<ByHand> outcomes;
    for (const EventId id : request.ids) {
        Event* const event = find(id);
        if (event == nullptr) {
            outcomes.push_back(ByHand::gone);
            continue;
        }
        bool changed = false;
        for (auto& [name, state] : groups_) {
            leases_revoked_ += state.status(id) == EventStatus::processing ? 1 : 0;
            changed = state.discard(id) || changed;
        }
        if (changed) {
            event->discarded = true;
            event->stored.last_error = detail::error_text(request.reason);
            keep_until(*event, now + in_us(request.ttl));
            refresh(*event, request.worker_id);
        }
        outcomes.push_back(changed ? ByHand::done : ByHand::unchanged);
    }
    return outcomes;
}

UpkeepReply QueueState::upkeep(const UpkeepRequest& request, std::int64_t now) {
    expire(now);
    for (const SubscriberInfo& info : request.alive) {
        const auto [entry, fresh] = subscribers_.try_emplace(info.id, LiveSubscriber{info, 0});
        if (fresh) {
            entry->second.info.created_at = at(now);
        }
        entry->second.until = now + in_us(request.subscriber_ttl);
    }
    forget_gone_subscribers(now);
    UpkeepReply reply{.leases_revoked = leases_revoked_};
    if (!request.group.empty()) {
        joined(request.group);
        GroupState* const in = find_group(request.group);
        reply.takeable = in != nullptr ? in->takeable(now) : !events_.empty();
    }
    return reply;
}

void QueueState::remove_subscribers(const std::vector<std::string>& ids) {
    for (const std::string& id : ids) {
        subscribers_.erase(id);
    }
}

void QueueState::joined(const std::string& name) {
    if (name == default_group) {
        group(name);
    }
}

void QueueState::expire(std::int64_t now) {
    while (!expiry_.empty() && expiry_.begin()->first <= now) {
        const EventId id = expiry_.begin()->second;
        const auto entry = events_.find(id);
        with_status(entry->second.stored.status).erase(entry->first);
        events_.erase(entry);
        expiry_.erase(expiry_.begin());
        for (auto& [name, state] : groups_) {
            state.expired(id);
        }
    }
    for (auto& [name, state] : groups_) {
        state.drop_overdue_orphans(now);
    }
    while (!once_until_.empty() && once_until_.begin()->first <= now) {
        const auto known = once_.find(once_until_.begin()->second);
        if (known != once_.end() && known->second.until <= now) {
            once_.erase(known);
        }
        once_until_.erase(once_until_.begin());
    }
}

GroupState& QueueState::group(const std::string& name) {
    const auto found = groups_.find(name);
    if (found != groups_.end()) {
        return found->second;
    }
    const EventId before_earliest = events_.empty() ? last_id_ : events_.begin()->first.id - 1;
    GroupState& made =
        groups_.try_emplace(name, before_earliest, static_cast<std::int64_t>(events_.size())).first->second;
    // Everything is pending for the new group, so no PROCESSED is left; ERROR and PROCESSING go before it.
    Positions processed;
    processed.swap(with_status(EventStatus::processed));
    for (const Position position : processed) {
        events_.find(position)->second.stored.status = EventStatus::pending;
    }
    with_status(EventStatus::pending).merge(processed);
    for (const auto& [position, event] : events_) {
        if (event.discarded) {
            made.discard(position.id);
        }
    }
    return made;
}

GroupState* QueueState::find_group(const std::string& name) {
    const auto found = groups_.find(name);
    return found == groups_.end() ? nullptr : &found->second;
}

EventId QueueState::next_beyond(const GroupState& of) const {
    auto next = events_.upper_bound(of.cursor());
    while (of.is_dead(next->first.id)) {
        ++next;  // discarded before anybody reached it
    }
    return next->first.id;
}

void QueueState::give_up(Event& event, GroupState& in, const std::string& reason, const std::string& worker_id,
                         std::int64_t until) {
    event.stored.last_error = reason;
    keep_until(event, until);
    in.give_up(event.stored.id);
    refresh(event, worker_id);
}

void QueueState::keep_until(Event& event, std::int64_t us) {
    if (us > event.expires_us) {
        expiry_.erase({event.expires_us, event.stored.id});
        event.expires_us = us;
        expiry_.emplace(us, event.stored.id);
    }
}

EventStatus QueueState::overall_status(EventId id) const {
    EventStatus overall = EventStatus::processed;
    for (const auto& [name, state] : groups_) {
        const EventStatus status = state.status(id);
        overall = precedence(status) > precedence(overall) ? status : overall;
    }
    return overall;
}

void QueueState::refresh(Event& event, const std::string& worker_id) {
    const EventStatus before = event.stored.status, after = overall_status(event.stored.id);
    if (before == after) {
        return;
    }
    const auto node = with_status(before).extract(with_status(before).find(event.stored.id));
    with_status(after).insert(node.value());
    event.stored.status = after;
    if (after == EventStatus::processed || after == EventStatus::error) {
        signals_.notices.push_back({event.stored.id, after, worker_id});
    }
}

void QueueState::wake_if_idle(const std::string& name, GroupState& state) {
    if (std::exchange(state.idle, false)) {
        signals_.wake.push_back(name);
    }
}

QueueState::Event* QueueState::find(EventId id) {
    const auto entry = events_.find(id);
    return entry == events_.end() ? nullptr : &entry->second;
}

void QueueState::forget_gone_subscribers(std::int64_t now) {
    std::erase_if(subscribers_, [now](const auto& entry) { return entry.second.until <= now; });
}

}  // namespace eventy::memory
