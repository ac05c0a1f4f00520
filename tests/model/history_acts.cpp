// History: what each kind of step asks for, and how the story tells it.
#include <algorithm>

#include "model/history.hpp"

namespace eventy::test {

namespace {

// Ties between ids are broken by number in MemoryStore and by text in Redis's sets: with one digit they agree.
constexpr EventId most_events = 9;
constexpr std::array<milliseconds, 3> leases{10025ms, 1025ms, 3025ms};
constexpr std::array<milliseconds, 5> ttls{60050ms, 60050ms, 60050ms, 20050ms, 5050ms};
constexpr milliseconds ttl_of_dead = 30050ms;

const char* words(Verdict verdict) {
    switch (verdict) {
        case Verdict::processed: return "ok";
        case Verdict::failed: return "failed";
        case Verdict::retry: return "failed, to be retried";
        case Verdict::handed_back: return "handed back";
    }
    return "";
}

}  // namespace

std::string History::named(const std::vector<Held>& helds) const {
    std::string text;
    for (const Held& held : helds) {
        const auto& standing = model_.standing(groups_[held.group], held.lease.id);
        text += " #" + std::to_string(held.lease.id);
        if (standing.place != Place::leased || standing.epoch != held.lease.epoch) {
            text += " (a lease that ended)";
        }
    }
    return text;
}

Request History::publish(const Command& command) {
    const EventId count = std::min<EventId>(1 + command.many % 3, most_events - model_.last_id());
    if (count <= 0) {
        return {};
    }
    PublishRequest request;
    request.ttl = ttls[command.length % ttls.size()];
    request.worker_id = "publisher";
    for (EventId i = 1; i <= count; ++i) {
        request.events.push_back(
            {.payload = "payload " + std::to_string(model_.last_id() + i), .key = {}, .headers = {}});
    }
    story_.push_back("publish " + std::to_string(count) + ", for " + in_words(request.ttl));
    return request;
}

Request History::take(const Command& command) {
    constexpr std::array<int, 4> maxima{1, 2, 3, 8};
    const std::size_t worker = command.worker % 2, group = command.group % groups_.size();
    TakeRequest request;
    request.group = groups_[group];
    if (!has_joined(group)) {
        story_.push_back("group " + request.group + " joins");
        model_.join(request.group);
    }
    request.max = maxima[command.many % maxima.size()];
    request.lease = leases[command.length % leases.size()];
    request.ttl = ttl_of_dead;
    request.worker_id = name_of(worker);
    request.max_lost_leases = max_lost_leases_;
    request.max_bytes = command.choice % 4 == 1 ? 25 : 1000;
    for (const Held& held : workers_[worker].holds) {
        request.holding += held.group == group ? 1 : 0;
    }
    taken_of_ = request.group;
    if (model_.in(request.group, Place::beyond_cursor).empty() && model_.cursor(request.group) < model_.last_id()) {
        // RedisStore cannot know yet that all beyond the cursor is gone, and leaves room for it in a larger take.
        request.max = 1;
    }
    story_.push_back(name_of(worker) + ", who holds " + std::to_string(request.holding) + ", takes up to " +
                     std::to_string(request.max) + in_group(group) + (request.max_bytes < 1000 ? " and 25 bytes" : "") +
                     ", lease " + in_words(request.lease));
    return request;
}

/// Of one group, each once.
std::vector<History::Held> History::some_held(const Command& command, const std::vector<Held>& from) const {
    std::vector<Held> some;
    for (std::size_t i = 0; i < from.size() && some.size() < 1 + command.many % 3U; ++i) {
        const Held& held = from[(command.pick + i) % from.size()];
        if (some.empty() || held.group == some.front().group) {
            some.push_back(held);
        }
    }
    return some;
}

Request History::settle(const Command& command, const std::vector<Held>& from, bool stale) {
    const std::vector<Held> some = some_held(command, from);
    if (some.empty()) {
        return {};
    }
    const std::size_t worker = command.worker % 2;
    SettleRequest request;
    request.group = groups_[some.front().group];
    request.worker_id = name_of(worker);
    request.ttl = ttl_of_dead;
    const Verdict verdict = static_cast<Verdict>(command.choice % 4);
    for (const Held& held : some) {
        Settlement settlement{.lease = held.lease, .verdict = verdict, .error = "it failed"};
        if (verdict == Verdict::retry) {
            settlement.delay = command.length % 2 == 0 ? 0ms : 2000ms;
        }
        request.settlements.push_back(settlement);
    }
    story_.push_back((stale ? "a late settle of" : name_of(worker) + " settles") + named(some) +
                     in_group(some.front().group) + " as " + words(verdict) +
                     (verdict == Verdict::retry ? " in " + in_words(request.settlements[0].delay) : ""));
    for (const Held& held : stale ? std::vector<Held>() : some) {
        drop(workers_[worker], held);
    }
    return request;
}

/// Its lease is over, as far as the worker knows.
void History::drop(Worker& worker, const Held& gone) {
    std::erase_if(worker.holds, [&](const Held& held) {
        return held.lease.id == gone.lease.id && held.lease.epoch == gone.lease.epoch && held.group == gone.group;
    });
    former_.push_back(gone);
}

Request History::renew(const Command& command) {
    const std::size_t worker = command.worker % 2;
    const bool stale = command.choice % 4 == 3;
    const std::vector<Held> some = some_held(command, stale ? former_ : workers_[worker].holds);
    if (some.empty()) {
        return {};
    }
    RenewRequest request{groups_[some.front().group], leases[command.length % leases.size()], {}};
    for (const Held& held : some) {
        request.leases.push_back(held.lease);
    }
    story_.push_back((stale ? "a late renewal of" : name_of(worker) + " renews") + named(some) +
                     in_group(some.front().group) + " by " + in_words(request.lease));
    return request;
}

Request History::progress(const Command& command) {
    const std::size_t worker = command.worker % 2;
    const std::vector<Held> some = some_held(command, command.choice % 2 == 1 ? former_ : workers_[worker].holds);
    if (some.empty()) {
        return {};
    }
    story_.push_back("progress of" + named({some.front()}) + in_group(some.front().group));
    return ProgressRequest{groups_[some.front().group], some.front().lease, 0.5, "half"};
}

std::vector<EventId> History::some_ids(const Command& command) const {
    std::vector<EventId> ids;
    const EventId last = model_.last_id();
    for (EventId i = 0; last > 0 && i < std::min<EventId>(1 + command.many % 2, last); ++i) {
        ids.push_back(1 + (command.pick + i) % last);
    }
    return ids;
}

Request History::retry(const Command& command) {
    std::vector<EventId> ids = some_ids(command);
    if (ids.empty()) {
        return {};
    }
    const bool delayed_too = command.choice % 2 == 1;
    story_.push_back("retry by hand " + in_words(ids) + (delayed_too ? ", delayed ones too" : ""));
    return RetryRequest{std::move(ids), ttl_of_dead, delayed_too};
}

/// Not before a group that joins later: that has no entry for it in RedisStore before it comes to it.
Request History::discard(const Command& command) {
    std::vector<EventId> ids = some_ids(command);
    if (ids.empty() || !has_joined(groups_.size() - 1)) {
        return {};
    }
    story_.push_back("discard " + in_words(ids));
    return DiscardRequest{std::move(ids), ttl_of_dead, "operator", "not wanted"};
}

/// A worker is gone, with all that it held; its leases run out by themselves, and its last words may come late.
void History::crash(const Command& command) {
    Worker& worker = workers_[command.worker % 2];
    if (!worker.holds.empty()) {
        story_.push_back(name_of(command.worker % 2) + " crashes");
        former_.insert(former_.end(), worker.holds.begin(), worker.holds.end());
        worker.holds.clear();
    }
}

/// Nobody reaches the queue for longer than 5 s. Redis then leaves leases that ran out alone for 1.5 s.
void History::outage(const Command& command) {
    story_.push_back("nobody reaches the queue for 6 s, then all look for work and wait");
    pass(6000ms, false);
    grace_ = true;
    perform(command.worker % 2, {});
    pass(400ms, true);
    if (const Request request = renew(command); request.index() != 0) {
        perform(command.worker % 2, request);
    }
    grace_ = false;
    pass(1600ms, true);
    perform(command.worker % 2, {});
}

}  // namespace eventy::test
