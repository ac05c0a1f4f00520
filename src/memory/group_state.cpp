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

std::vector<EventId> GroupState::first_of(const Queue& queue, std::int64_t now, std::size_t most) {
    std::vector<EventId> ids;
    for (auto entry = queue.begin(); entry != queue.end() && entry->first <= now && ids.size() < most; ++entry) {
        ids.push_back(entry->second);
    }
    return ids;
}

bool GroupState::takeable(std::int64_t now) const {
    return backlog_ > 0 || !overdue(now, 1).empty() || !due(now, 1).empty();
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

int GroupState::attempt(EventId id) const {
    const auto hold = held_.find(id);
    return hold == held_.end() ? 1 : hold->second.attempt;
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

void GroupState::delay(EventId id, Hold hold, std::int64_t due) {
    hold.kind = Kind::delayed;
    hold.until = due;
    held_.emplace(id, hold);
    delayed_.emplace(due, id);
}

void GroupState::hand_back(EventId id) { delay(id, release(id), 0); }

void GroupState::retry_at(EventId id, std::int64_t due) {
    Hold hold = release(id);
    ++hold.attempt;
    hold.lost = 0;  // it let its worker live
    delay(id, hold, due);
}

bool GroupState::discard(EventId id) {
    if (held_.contains(id)) {
        give_up(id);
        return true;
    }
    if (id <= cursor_ || dead_.contains(id)) {
        return false;
    }
    --backlog_;
    dead_.insert(id);
    return true;
}

bool GroupState::revive(EventId id) {
    if (dead_.erase(id) == 0) {
        return false;
    }
    if (id > cursor_) {
        ++backlog_;
    } else {
        delay(id, Hold(), 0);
    }
    return true;
}

bool GroupState::hasten(EventId id, std::int64_t now) {
    const auto hold = held_.find(id);
    if (hold == held_.end() || hold->second.kind != Kind::delayed || hold->second.until <= now) {
        return false;
    }
    delay(id, release(id), 0);
    return true;
}

void GroupState::expired(EventId id) {
    if (id > cursor_) {
        if (dead_.erase(id) == 0) {
            --backlog_;
            count_expired();
        }
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
