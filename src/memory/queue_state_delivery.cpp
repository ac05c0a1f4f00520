// The delivering half of QueueState: what workers take, renew and settle.
#include <algorithm>
#include <utility>

#include "base/utf8.hpp"
#include "memory/queue_state.hpp"
#include "memory/times.hpp"

namespace eventy::memory {

namespace {

constexpr std::size_t max_failure_bytes = 500, max_failures = 20;
// So many more than a take may have are looked at, so that those that wait to be handed out alone hide nothing.
constexpr std::size_t look_past = 200;

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

}  // namespace

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
    if (event == nullptr) {
        settlement.verdict == Verdict::processed ? in.finish(id) : in.drop(id);
        return true;
    }
    if (settlement.verdict == Verdict::handed_back) {
        in.hand_back(id);
        refresh(*event, request.worker_id);
        wake_if_idle(request.group, in);
        return true;
    }
    const int attempt = in.attempt(id);
    const std::string error = detail::error_text(settlement.error);
    if (settlement.verdict == Verdict::retry) {
        add_failure(*event, request.group, request.worker_id, attempt, error, now);
        event->stored.last_error = error;
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
        add_failure(*event, request.group, request.worker_id, attempt, error, now);
        give_up(*event, in, error, request.worker_id, now + in_us(request.ttl));
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

}  // namespace eventy::memory
