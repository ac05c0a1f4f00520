#include "memory/queue_state.hpp"

#include <algorithm>
#include <limits>

namespace eventy::memory {

namespace {

constexpr std::size_t max_error_bytes = 4096;
constexpr std::size_t max_failure_bytes = 500, max_failures = 20;
// So many more than a take may have are looked at, so that those that wait to be handed out alone hide nothing.
constexpr std::size_t look_past = 200;
constexpr const char* default_group = "default";

std::int64_t in_us(milliseconds duration) { return std::chrono::microseconds(duration).count(); }

Timestamp at(std::int64_t us) { return Timestamp::time_point(std::chrono::microseconds(us)); }

std::int64_t lease_end(std::int64_t now, milliseconds lease) { return now + std::max<std::int64_t>(in_us(lease), 1); }

/// At the end of a character.
std::string shortened(const std::string& error) {
    if (error.size() <= max_failure_bytes) {
        return error;
    }
    std::size_t end = max_failure_bytes;
    while (end > 0 && (static_cast<unsigned char>(error[end]) & 0xC0U) == 0x80U) {
        --end;
    }
    return error.substr(0, end) + "...";
}

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

/// One take on its way.
struct QueueState::Taking {
    const TakeRequest& request;
    GroupState& from;
    std::int64_t now, max_payload;
    std::int64_t bytes = 0, left_alone = 0;
    bool full = false, left_takeable = false;
    TakeReply reply = {};

    bool has_room() const { return !full && !reply.alone && static_cast<int>(reply.events.size()) < request.max; }
    bool in_danger(int lost) const { return request.max_lost_leases > 1 && lost + 1 == request.max_lost_leases; }
};

TakeReply QueueState::take(const TakeRequest& request, std::int64_t now, std::int64_t max_payload) {
    expire(now);
    Taking taking{.request = request, .from = group(request.group), .now = now, .max_payload = max_payload};
    GroupState& from = taking.from;
    TakeReply& reply = taking.reply;
    last_epoch_ = reply.epoch = std::max(last_epoch_ + 1, now);
    take_due(taking, true, request.max);
    // What comes back after an outage may be much: while there is something new, it leaves half of each take to that
    // (of an odd number the larger half by turns, so takes of one alternate).
    const auto room = request.max - static_cast<std::int64_t>(reply.events.size());
    const auto left_alone = taking.left_alone;
    const bool left_takeable = taking.left_takeable;
    const auto share = from.cursor() < last_id_ ? std::min(room, (request.max + reply.epoch % 2) / 2) : room;
    take_due(taking, false, share);
    while (taking.has_room() && from.backlog() > 0) {
        const EventId next = next_beyond(from);
        from.pass(next - 1);
        if (!refuse_too_large(taking, *find(next))) {
            take_one(taking, next);
        }
    }
    if (taking.has_room()) {
        from.pass(last_id_);
        // What is new left room: that is for what is due.
        taking.left_alone = left_alone;
        taking.left_takeable = left_takeable;
        take_due(taking, false, request.max - static_cast<std::int64_t>(reply.events.size()));
    }
    // Else it has seen only what this worker cannot have, and there may be more of that than it looked at.
    const bool moved = taking.left_takeable || !reply.events.empty() || !reply.refused.empty();
    const auto most = static_cast<std::size_t>(taking.left_alone) + 1;
    reply.more = from.backlog() > 0 || (moved && from.overdue(now, most).size() + from.due(now, most).size() >= most);
    reply.alone_left = taking.left_alone > 0;
    reply.expired = from.take_unreported();
    from.idle = !reply.more;
    (reply.more ? signals_.wake : signals_.quiet).push_back(request.group);
    return std::move(reply);
}

/// False where it does not fit any more.
bool QueueState::take_one(Taking& taking, EventId id) {
    const auto size = static_cast<std::int64_t>(find(id)->stored.payload.size());
    taking.full = !taking.reply.events.empty() && taking.bytes + size > taking.request.max_bytes;
    if (taking.full) {
        return false;
    }
    Event& event = *find(id);
    taking.bytes += size;
    taking.from.lease(id, taking.reply.epoch, lease_end(taking.now, taking.request.lease));
    event.leased_by[taking.request.group] = taking.request.worker_id;
    refresh(event, taking.request.worker_id);
    taking.reply.events.push_back(event.stored);
    StoredEvent& taken = taking.reply.events.back();
    taken.status = EventStatus::processing;  // for this group, whatever another one did
    taken.attempt = taking.from.attempt(id);
    taken.failures.clear();
    return true;
}

/// Makes it ERROR where its payload is too large, wherever it was takeable from.
bool QueueState::refuse_too_large(Taking& taking, Event& event) {
    const std::string reason = too_large(event.stored, taking.max_payload);
    if (!reason.empty()) {
        const TakeRequest& request = taking.request;
        const EventId id = event.stored.id;
        taking.from.lease(id, taking.reply.epoch, lease_end(taking.now, request.lease));
        give_up(event, taking.from, reason, request.worker_id, taking.now + in_us(request.ttl));
        taking.reply.refused.push_back({id, reason});
    }
    return !reason.empty();
}

/// Of those whose lease ran out, or of the delayed.
void QueueState::take_due(Taking& taking, bool ran_out, std::int64_t most) {
    GroupState& from = taking.from;
    const TakeRequest& request = taking.request;
    const auto window = static_cast<std::size_t>(request.max) + look_past;
    auto ids = ran_out ? from.overdue(taking.now, window) : from.due(taking.now, window);
    const auto in_danger = [&](EventId id) { return taking.in_danger(from.lost_leases(id)); };
    const bool holds_nothing = request.holding == 0 && taking.reply.events.empty();
    if (const auto first = std::find_if(ids.begin(), ids.end(), in_danger); holds_nothing && first != ids.end()) {
        std::iter_swap(ids.begin(), first);
    }
    for (std::int64_t visited = 0; const EventId id : ids) {
        const int lost = from.lost_leases(id), attempt = from.attempt(id);
        Event& event = *find(id);
        const std::string holder = event.leased_by[request.group];
        if (refuse_too_large(taking, event)) {
            if (ran_out) {
                add_failure(event, request.group, holder, attempt, "its lease was lost", taking.now);
            }
        } else if (lost >= request.max_lost_leases) {
            const std::string reason = "lost its lease " + std::to_string(request.max_lost_leases) + " times";
            add_failure(event, request.group, holder, attempt, "its lease was lost", taking.now);
            give_up(event, from, reason, request.worker_id, taking.now + in_us(request.ttl));
            taking.reply.refused.push_back({id, reason});
        } else if (in_danger(id) && (request.holding > 0 || !taking.reply.events.empty())) {
            ++taking.left_alone;
        } else if (taking.has_room() && visited < most && take_one(taking, id)) {
            ++visited;
            taking.reply.alone = taking.in_danger(lost);
            if (ran_out) {
                add_failure(event, request.group, holder, attempt, "its lease was lost", taking.now);
            }
        } else {
            taking.left_takeable = true;
        }
    }
}

StillHeld QueueState::settle(const SettleRequest& request, std::int64_t now) {
    expire(now);
    StillHeld held(request.settlements.size(), false);
    if (GroupState* const in = find_group(request.group)) {
        for (std::size_t i = 0; i < held.size(); ++i) {
            held[i] = settle_one(*in, request, request.settlements[i], now);
        }
    }
    return held;
}

bool QueueState::settle_one(GroupState& in, const SettleRequest& request, const Settlement& settlement,
                            std::int64_t now) {
    const EventId id = settlement.lease.id;
    if (!in.holds(settlement.lease)) {
        return false;
    }
    Event* const event = find(id);
    if (event == nullptr && (settlement.verdict == Verdict::handed_back || settlement.verdict == Verdict::retry)) {
        in.drop(id);
        return true;
    }
    if (settlement.verdict == Verdict::handed_back) {
        in.hand_back(id);
        refresh(*event, request.worker_id);
        wake_if_idle(request.group, in);
        return true;
    }
    if (event == nullptr) {
        in.finish(id);
        return true;
    }
    const int attempt = in.attempt(id);
    if (settlement.verdict == Verdict::retry) {
        add_failure(*event, request.group, request.worker_id, attempt, settlement.error, now);
        event->stored.last_error = settlement.error.substr(0, max_error_bytes);
        event->stored.attempt = attempt;
        const std::int64_t delay = std::max<std::int64_t>(in_us(settlement.delay), 0);
        in.retry_at(id, delay > 0 ? now + delay : 0);
        keep_until(*event, now + delay + in_us(request.ttl));
        refresh(*event, request.worker_id);
        if (delay == 0) {
            wake_if_idle(request.group, in);
        }
        return true;
    }
    event->stored.attempt = attempt;
    event->stored.processed_by = request.worker_id;
    event->stored.started_at = at(now) - settlement.started_ago;
    event->stored.finished_at = at(now) - settlement.finished_ago;
    if (settlement.verdict == Verdict::failed) {
        add_failure(*event, request.group, request.worker_id, attempt, settlement.error, now);
        give_up(*event, in, settlement.error, request.worker_id, now + in_us(request.ttl));
    } else {
        in.finish(id);
        refresh(*event, request.worker_id);
    }
    return true;
}

void QueueState::add_failure(Event& event, const std::string& group, const std::string& worker_id, int attempt,
                             const std::string& error, std::int64_t now) {
    auto& failures = event.stored.failures;
    if (failures.size() == max_failures) {
        failures.erase(failures.begin());
    }
    failures.push_back({attempt, at(now), group, worker_id, shortened(error)});
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
            event->stored.last_error = request.reason.substr(0, max_error_bytes);
            keep_until(*event, now + in_us(request.ttl));
            refresh(*event, request.worker_id);
        }
        outcomes.push_back(changed ? ByHand::done : ByHand::unchanged);
    }
    return outcomes;
}

StillHeld QueueState::renew(const RenewRequest& request, std::int64_t now) {
    expire(now);
    StillHeld held(request.leases.size(), false);
    GroupState* const in = find_group(request.group);
    for (std::size_t i = 0; in != nullptr && i < held.size(); ++i) {
        const Lease& lease = request.leases[i];
        if (!in->holds(lease)) {
            continue;
        }
        held[i] = true;
        in->extend(lease.id, lease_end(now, request.lease));
        if (Event* const event = find(lease.id)) {
            keep_until(*event, now + 2 * in_us(request.lease));
        }
    }
    return held;
}

StillHeld QueueState::progress(const ProgressRequest& request, std::int64_t now) {
    expire(now);
    GroupState* const in = find_group(request.group);
    const bool held = in != nullptr && in->holds(request.lease);
    if (Event* const event = held ? find(request.lease.id) : nullptr) {
        event->progress = request.fraction;
        event->progress_note = request.note;
    }
    return {held};
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
    event.stored.last_error = reason.substr(0, max_error_bytes);
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
