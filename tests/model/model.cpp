#include "model/model.hpp"

#include <algorithm>
#include <utility>

namespace eventy::test {

namespace {

std::int64_t us(milliseconds duration) { return std::chrono::microseconds(duration).count(); }

void keep(ModelEvent& event, std::int64_t until) { event.expires_us = std::max(event.expires_us, until); }

}  // namespace

void Model::join(const std::string& group) {
    groups_.push_back(group);
    joined_at_[group] = last_id();
    for (EventId id = 1; id <= last_id(); ++id) {
        at(id).in[group].place = exists(id) ? Place::beyond_cursor : Place::gone;
    }
}

bool Model::all_caught_up() const {
    return std::all_of(groups_.begin(), groups_.end(),
                       [&](const std::string& group) { return cursor(group) >= joined_at_.at(group); });
}

PublishReply Model::publish(const PublishRequest& request, std::int64_t now) {
    const PublishReply reply{last_id() + 1, std::max(last_us_ + 1, now)};
    longest_ttl_us_ = std::max(longest_ttl_us_, us(request.ttl));
    for (const NewEvent& one : request.events) {
        last_us_ = std::max(last_us_ + 1, now);
        ModelEvent event{.payload = one.payload, .created_us = last_us_, .expires_us = now + us(request.ttl)};
        for (const std::string& group : groups_) {
            event.in[group] = {};
        }
        events_.push_back(std::move(event));
    }
    return reply;
}

// -- take ------------------------------------------------------------------------------------------------------------
struct Model::Taking {
    const TakeRequest& request;
    std::int64_t now;
    TakeReply reply = {};
    std::int64_t bytes = 0, left_alone = 0;
    bool full = false;

    int count() const { return static_cast<int>(reply.events.size()); }
    bool has_room() const { return !full && !reply.alone && count() < request.max; }
    bool in_danger(int lost) const { return request.max_lost_leases > 1 && lost + 1 == request.max_lost_leases; }
};

/// In the order in which they ran out, or are due.
std::vector<EventId> Model::due(const std::string& group, Place place, std::int64_t now) const {
    std::vector<EventId> ids;
    for (const EventId id : in(group, place)) {
        if (standing(group, id).until <= now) {
            ids.push_back(id);
        }
    }
    std::sort(ids.begin(), ids.end(), [&](EventId a, EventId b) {
        return std::pair(standing(group, a).until, a) < std::pair(standing(group, b).until, b);
    });
    return ids;
}

/// First leases that ran out, then what is due (half of the take while there is something new), then new events, then
/// again what is due.
TakeReply Model::take(const TakeRequest& request, std::int64_t now) {
    Taking taking{.request = request, .now = now};
    TakeReply& reply = taking.reply;
    last_epoch_ = reply.epoch = std::max(last_epoch_ + 1, now);
    take_due(taking, Place::leased, request.max);
    const auto left_alone = taking.left_alone;
    const auto fresh = in(request.group, Place::beyond_cursor);
    const std::int64_t room = request.max - taking.count(), half = (request.max + reply.epoch % 2) / 2;
    // The cursor passes what was given up before anybody reached it, and what is gone.
    EventId& cursor = cursors_[request.group];
    take_due(taking, Place::delayed, cursor < last_id() ? std::min(room, half) : room);
    for (const EventId id : fresh) {
        if (!taking.has_room()) {
            break;
        }
        cursor = id - 1;
        cursor += take_one(taking, id) ? 1 : 0;
    }
    if (taking.has_room()) {
        cursor = last_id();
        taking.left_alone = left_alone;
        take_due(taking, Place::delayed, request.max - taking.count());
    }
    const auto rest = in(request.group, Place::beyond_cursor);
    const auto left = due(request.group, Place::leased, now).size() + due(request.group, Place::delayed, now).size();
    reply.more = !rest.empty() || static_cast<std::int64_t>(left) > taking.left_alone;
    reply.alone_left = taking.left_alone > 0;
    return reply;
}

void Model::take_due(Taking& taking, Place place, std::int64_t most) {
    const TakeRequest& request = taking.request;
    auto ids = due(request.group, place, taking.now);
    const auto lost_by_now = [&](EventId id) {
        return standing(request.group, id).lost + (place == Place::leased ? 1 : 0);
    };
    const auto first =
        std::find_if(ids.begin(), ids.end(), [&](EventId id) { return taking.in_danger(lost_by_now(id)); });
    if (first != ids.end() && request.holding == 0 && taking.count() == 0) {
        std::iter_swap(ids.begin(), first);
    }
    std::int64_t visited = 0;
    for (const EventId id : ids) {
        Standing& standing = at(id).in.at(request.group);
        const int lost = lost_by_now(id);
        if (lost >= request.max_lost_leases) {
            standing.place = Place::dead;
            keep(at(id), taking.now + us(request.ttl));
            taking.reply.refused.push_back({id, {}});
        } else if (taking.in_danger(lost) && (request.holding > 0 || taking.count() > 0)) {
            ++taking.left_alone;
        } else if (taking.has_room() && visited < most && take_one(taking, id)) {
            standing.lost = lost;
            ++visited;
            taking.reply.alone = taking.in_danger(lost);
        }
    }
}

bool Model::take_one(Taking& taking, EventId id) {
    ModelEvent& event = at(id);
    const auto size = static_cast<std::int64_t>(event.payload.size());
    if (taking.count() > 0 && taking.bytes + size > taking.request.max_bytes) {
        taking.full = true;
        return false;
    }
    taking.bytes += size;
    Standing& standing = event.in.at(taking.request.group);
    standing.place = Place::leased;
    standing.epoch = taking.reply.epoch;
    standing.until = taking.now + us(taking.request.lease);
    StoredEvent taken;
    taken.id = id;
    taken.payload = event.payload;
    taken.status = EventStatus::processing;
    taken.attempt = standing.attempt;
    taking.reply.events.push_back(std::move(taken));
    return true;
}

// -- what a taker does with its leases -------------------------------------------------------------------------------
Standing* Model::held_by(const std::string& group, const Lease& lease) {
    if (lease.id < 1 || lease.id > last_id()) {
        return nullptr;
    }
    Standing& standing = at(lease.id).in.at(group);
    return standing.place == Place::leased && standing.epoch == lease.epoch ? &standing : nullptr;
}

StillHeld Model::settle(const SettleRequest& request, std::int64_t now) {
    StillHeld held;
    for (const Settlement& settlement : request.settlements) {
        Standing* const standing = held_by(request.group, settlement.lease);
        held.push_back(standing != nullptr);
        if (standing == nullptr) {
            continue;
        }
        ModelEvent& event = at(settlement.lease.id);
        const std::int64_t delay = us(settlement.delay);
        switch (settlement.verdict) {
            case Verdict::processed: standing->place = Place::done; break;
            case Verdict::failed:
                standing->place = event.expired ? Place::gone : Place::dead;
                expired_ += event.expired ? 1 : 0;
                keep(event, now + us(request.ttl));
                break;
            case Verdict::retry:
            case Verdict::handed_back:
                standing->place = event.expired ? Place::gone : Place::delayed;
                expired_ += event.expired ? 1 : 0;
                standing->until = 0;
                if (settlement.verdict == Verdict::retry) {
                    standing->until = delay > 0 ? now + delay : 0;
                    standing->lost = 0;
                    ++standing->attempt;
                    keep(event, now + delay + us(request.ttl));
                }
                break;
        }
    }
    return held;
}

StillHeld Model::renew(const RenewRequest& request, std::int64_t now) {
    StillHeld held;
    for (const Lease& lease : request.leases) {
        Standing* const standing = held_by(request.group, lease);
        held.push_back(standing != nullptr);
        if (standing != nullptr) {
            standing->until = std::max(standing->until, now + us(request.lease));
            keep(at(lease.id), now + 2 * us(request.lease));
        }
    }
    return held;
}

StillHeld Model::progress(const ProgressRequest& request, std::int64_t /*now*/) {
    return {held_by(request.group, request.lease) != nullptr};
}

// -- by hand ---------------------------------------------------------------------------------------------------------
std::vector<ByHand> Model::retry(const RetryRequest& request, std::int64_t now) {
    std::vector<ByHand> outcomes;
    for (const EventId id : request.ids) {
        bool changed = false;
        for (const std::string& group : exists(id) ? groups_ : std::vector<std::string>()) {
            Standing& standing = at(id).in.at(group);
            if (standing.place == Place::dead) {
                standing = {};
                standing.place = id > cursors_[group] ? Place::beyond_cursor : Place::delayed;
                changed = true;
            } else if (standing.place == Place::delayed && request.delayed_too && standing.until > now) {
                standing.until = 0;
                changed = true;
            }
        }
        if (changed) {
            keep(at(id), now + us(request.ttl));
        }
        outcomes.push_back(!exists(id) ? ByHand::gone : changed ? ByHand::done : ByHand::unchanged);
    }
    return outcomes;
}

std::vector<ByHand> Model::discard(const DiscardRequest& request, std::int64_t now) {
    std::vector<ByHand> outcomes;
    for (const EventId id : request.ids) {
        bool changed = false;
        for (const std::string& group : exists(id) ? groups_ : std::vector<std::string>()) {
            Standing& standing = at(id).in.at(group);
            if (standing.place != Place::dead && standing.place != Place::done) {
                standing.place = Place::dead;
                changed = true;
            }
        }
        if (changed) {
            keep(at(id), now + us(request.ttl));
        }
        outcomes.push_back(!exists(id) ? ByHand::gone : changed ? ByHand::done : ByHand::unchanged);
    }
    return outcomes;
}

// -- time ------------------------------------------------------------------------------------------------------------
std::map<std::string, std::vector<Lease>> Model::expire(std::int64_t now) {
    std::map<std::string, std::vector<Lease>> ended;
    for (EventId id = 1; id <= last_id(); ++id) {
        ModelEvent& event = at(id);
        const bool expires = !event.expired && event.expires_us <= now;
        event.expired = event.expired || expires;
        for (auto& [group, standing] : event.in) {
            const bool came_later = id > joined_at_.at(group);
            expired_discarded_ += expires && came_later && standing.place == Place::dead && id > cursor(group) ? 1 : 0;
            expired_before_reached_ += expires && !came_later && standing.place == Place::beyond_cursor ? 1 : 0;
            const bool leased = standing.place == Place::leased;
            const bool waiting = standing.place == Place::beyond_cursor || standing.place == Place::delayed;
            if (event.expired && (waiting || (leased && standing.until <= now))) {
                standing.place = Place::gone;
                ++expired_;
                if (leased) {
                    ended[group].push_back({id, standing.epoch});
                }
            }
        }
    }
    return ended;
}

// -- reading ---------------------------------------------------------------------------------------------------------
std::vector<EventId> Model::in(const std::string& group, Place place) const {
    std::vector<EventId> ids;
    for (EventId id = 1; id <= last_id(); ++id) {
        if (standing(group, id).place == place) {
            ids.push_back(id);
        }
    }
    return ids;
}

EventStatus Model::status(EventId id) const {
    const auto any = [&](Place place) {
        return std::any_of(groups_.begin(), groups_.end(),
                           [&](const std::string& group) { return standing(group, id).place == place; });
    };
    return any(Place::dead)                                   ? EventStatus::error
           : any(Place::leased)                               ? EventStatus::processing
           : any(Place::beyond_cursor) || any(Place::delayed) ? EventStatus::pending
                                                              : EventStatus::processed;
}

std::vector<EventId> Model::with_status(std::optional<EventStatus> wanted) const {
    std::vector<EventId> ids;
    for (EventId id = last_id(); id >= 1; --id) {
        if (exists(id) && (!wanted || status(id) == *wanted)) {
            ids.push_back(id);
        }
    }
    return ids;
}

bool Model::holds_gone() const {
    return std::any_of(groups_.begin(), groups_.end(), [&](const std::string& group) {
        const auto leased = in(group, Place::leased);
        return std::any_of(leased.begin(), leased.end(), [&](EventId id) { return !exists(id); });
    });
}

bool Model::outlived(std::int64_t now) const {
    return std::any_of(events_.begin(), events_.end(), [&](const ModelEvent& event) {
        return !event.expired && event.created_us + longest_ttl_us_ <= now;
    });
}

bool Model::takeable(const std::string& group, std::int64_t now, bool lost_leases_too) const {
    return !in(group, Place::beyond_cursor).empty() || !due(group, Place::delayed, now).empty() ||
           (lost_leases_too && !due(group, Place::leased, now).empty());
}

bool Model::owed_a_wake(const std::string& group, int max_lost_leases) const {
    const auto at_once = due(group, Place::delayed, 0);
    return !in(group, Place::beyond_cursor).empty() || std::any_of(at_once.begin(), at_once.end(), [&](EventId id) {
        return max_lost_leases == 1 || standing(group, id).lost + 1 < max_lost_leases;
    });
}

std::optional<EventId> Model::oldest_pending(const std::string& group) const {
    for (EventId id = 1; id <= last_id(); ++id) {
        if (const Place place = standing(group, id).place; place == Place::delayed || place == Place::beyond_cursor) {
            return id;
        }
    }
    return std::nullopt;
}

}  // namespace eventy::test
