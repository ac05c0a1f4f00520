#include "memory/group_state.hpp"

#include <algorithm>

namespace eventy::memory {

EventStatus GroupState::status(EventId id) const {
    if (dead_.contains(id)) {
        return EventStatus::error;
    }
    if (const auto hold = held_.find(id); hold != held_.end()) {
        return hold->second.kind == Kind::delayed ? EventStatus::pending : EventStatus::processing;
    }
    return id > cursor_ ? EventStatus::pending : EventStatus::processed;
}

bool GroupState::holds(const Lease& lease) const {
    const auto hold = held_.find(lease.id);
    return hold != held_.end() && hold->second.kind != Kind::delayed && hold->second.epoch == lease.epoch;
}

std::optional<EventId> GroupState::overdue(std::int64_t now) const {
    return leases_.empty() || leases_.begin()->first > now ? std::nullopt : std::optional(leases_.begin()->second);
}

std::optional<EventId> GroupState::due(std::int64_t now) const {
    return delayed_.empty() || delayed_.begin()->first > now ? std::nullopt : std::optional(delayed_.begin()->second);
}

std::optional<EventId> GroupState::oldest_delayed() const {
    const auto oldest = std::min_element(delayed_.begin(), delayed_.end(),
                                         [](const auto& a, const auto& b) { return a.second < b.second; });
    return oldest == delayed_.end() ? std::nullopt : std::optional(oldest->second);
}

int GroupState::lost_leases(EventId id) const {
    const auto hold = held_.find(id);
    return hold == held_.end() ? 0 : hold->second.lost + (hold->second.kind == Kind::leased ? 1 : 0);
}

GroupState::Queue& GroupState::queue_of(Kind kind) {
    switch (kind) {
        case Kind::leased: return leases_;
        case Kind::orphaned: return orphans_;
        case Kind::delayed: break;
    }
    return delayed_;
}

void GroupState::lease(EventId id, std::int64_t epoch, std::int64_t until) {
    const auto [entry, is_new] = held_.try_emplace(id);
    Hold& hold = entry->second;
    if (is_new) {
        cursor_ = id;
        --backlog_;
    } else {
        hold.lost += hold.kind == Kind::leased ? 1 : 0;
        queue_of(hold.kind).erase({hold.until, id});
    }
    hold.epoch = epoch;
    hold.until = until;
    hold.kind = Kind::leased;
    leases_.emplace(until, id);
}

void GroupState::extend(EventId id, std::int64_t until) {
    Hold& hold = held_.at(id);
    if (until > hold.until) {
        Queue& queue = queue_of(hold.kind);
        queue.erase({hold.until, id});
        hold.until = until;
        queue.emplace(until, id);
    }
}

GroupState::Hold GroupState::release(EventId id) {
    const auto entry = held_.find(id);
    const Hold hold = entry->second;
    queue_of(hold.kind).erase({hold.until, id});
    held_.erase(entry);
    return hold;
}

void GroupState::finish(EventId id) { release(id); }

void GroupState::give_up(EventId id) {
    release(id);
    dead_.insert(id);
}

void GroupState::hand_back(EventId id) {
    Hold hold = release(id);
    hold.kind = Kind::delayed;
    hold.until = 0;
    held_.emplace(id, hold);
    delayed_.emplace(hold.until, id);
}

void GroupState::expired(EventId id) {
    if (id > cursor_) {
        --backlog_;
        count_expired();
    } else if (const auto hold = held_.find(id); hold == held_.end()) {
        dead_.erase(id);
    } else if (hold->second.kind == Kind::delayed) {
        drop(id);
    } else {
        leases_.erase({hold->second.until, id});
        hold->second.kind = Kind::orphaned;
        orphans_.emplace(hold->second.until, id);
    }
}

void GroupState::drop_overdue_orphans(std::int64_t now) {
    while (!orphans_.empty() && orphans_.begin()->first <= now) {
        drop(orphans_.begin()->second);
    }
}

void GroupState::drop(EventId id) {
    release(id);
    count_expired();
}

void GroupState::count_expired() {
    ++expired_;
    ++unreported_;
}

std::int64_t GroupState::take_unreported() { return std::exchange(unreported_, 0); }

}  // namespace eventy::memory
