// RedisStore: what changes events.
#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/utf8.hpp"
#include "redis/record_codec.hpp"
#include "redis/redis_store.hpp"
#include "redis/scripts.hpp"

namespace eventy::redis {

using detail::Failure;
using detail::StillHeld;

namespace {

constexpr std::size_t slice = 1000;  // most leases in one call of a script

/// One '1' or '0' per lease.
StillHeld flags(const std::string& text, std::size_t count) {
    StillHeld held(count, false);
    for (std::size_t i = 0; i < std::min(count, text.size()); ++i) {
        held[i] = text[i] == '1';
    }
    return held;
}

/// The answers of several slices as one: in order; the first failure is the failure of all.
class Joined {
public:
    Joined(std::size_t parts, Callback<StillHeld> done) : parts_(parts), missing_(parts), done_(std::move(done)) {}

    void part(std::size_t i, detail::Result<StillHeld> result) {
        parts_[i] = std::move(result);
        if (--missing_ > 0) {
            return;
        }
        StillHeld all;
        for (const auto& one : parts_) {
            if (!one->ok()) {
                done_(one->failure());
                return;
            }
            all.insert(all.end(), one->value().begin(), one->value().end());
        }
        done_(std::move(all));
    }

private:
    std::vector<std::optional<detail::Result<StillHeld>>> parts_;
    std::size_t missing_;
    Callback<StillHeld> done_;
};

/// Calls `run(first, count, callback)` for each slice of `size` things.
template <class Run>
void in_slices(std::size_t size, Callback<StillHeld> done, Run run) {
    if (size <= slice) {
        run(std::size_t{0}, size, std::move(done));
        return;
    }
    const std::size_t parts = (size + slice - 1) / slice;
    const auto joined = std::make_shared<Joined>(parts, std::move(done));
    for (std::size_t i = 0; i < parts; ++i) {
        run(i * slice, std::min(slice, size - i * slice),
            [joined, i](detail::Result<StillHeld> result) { joined->part(i, std::move(result)); });
    }
}

/// Whole numbers between single spaces.
std::vector<std::int64_t> numbers(std::string_view text) {
    std::vector<std::int64_t> found;
    while (!text.empty()) {
        const std::size_t space = std::min(text.find(' '), text.size());
        found.push_back(to_int(text.substr(0, space)));
        text.remove_prefix(std::min(space + 1, text.size()));
    }
    return found;
}

/// The outcome of a publish: first id and time; then unit, first id, its time and size of each that had been published.
detail::PublishReply publish_reply(std::string_view outcome) {
    const auto words = numbers(outcome);
    detail::PublishReply reply;
    if (words.size() >= 2) {
        reply.first_id = words[0];
        reply.first_us = words[1];
    }
    for (std::size_t i = 2; i + 3 < words.size(); i += 4) {
        reply.repeated.push_back({.unit = static_cast<std::size_t>(words[i]),
                                  .first_id = words[i + 1],
                                  .first_us = words[i + 2],
                                  .count = words[i + 3]});
    }
    return reply;
}

const char* letter(detail::Verdict verdict) {
    switch (verdict) {
        case detail::Verdict::processed: return "p";
        case detail::Verdict::failed: return "f";
        case detail::Verdict::retry: return "r";
        case detail::Verdict::handed_back: break;
    }
    return "b";
}

std::string progress_text(double fraction, const std::string& note) {
    std::array<char, 32> number{};
    std::snprintf(number.data(), number.size(), "%.6g", fraction);
    return note.empty() ? std::string(number.data()) : number.data() + (' ' + note);
}

detail::TakeReply take_reply(Reply& reply) {
    detail::TakeReply taken;
    taken.epoch = reply.items.at(4).integer;
    taken.more = reply.items.at(5).integer == 1;
    taken.expired = reply.items.at(6).integer;
    for (Reply& entry : reply.items.at(7).items) {
        taken.refused.push_back({to_int(entry.items.at(0)), std::move(entry.items.at(1).text)});
    }
    std::vector<Reply>& events = reply.items.at(8).items;
    taken.alone = reply.items.at(9).integer == 1;
    taken.alone_left = reply.items.at(10).integer == 1;
    taken.events.reserve(events.size() / 3);
    for (std::size_t i = 0; i + 2 < events.size(); i += 3) {
        taken.events.push_back(leased_event(events[i].text, to_int(events[i + 1]), events[i + 2]));
    }
    return taken;
}

/// One letter per id.
std::vector<detail::ByHand> by_hand(const std::string& letters) {
    std::vector<detail::ByHand> outcomes;
    outcomes.reserve(letters.size());
    for (const char letter : letters) {
        outcomes.push_back(letter == '1'   ? detail::ByHand::done
                           : letter == '-' ? detail::ByHand::gone
                                           : detail::ByHand::unchanged);
    }
    return outcomes;
}

}  // namespace

void RedisStore::publish(detail::PublishRequest request, Deadline deadline, Callback<detail::PublishReply> done) {
    const bool plain = std::all_of(request.events.begin(), request.events.end(), [](const detail::NewEvent& event) {
        return event.key.empty() && event.headers.empty();
    });
    NumberedCalls::Call call;
    call.script.script = &scripts::publish;
    call.script.keys = {keys_.meta, keys_.counter, keys_.index, keys_.groups, keys_.idle, {}};
    call.record_key = 5;
    call.script.arguments.reserve(8 + request.once.size() * 4 + request.events.size() * (plain ? 1 : 3));
    call.script.argument(request.ttl.count()).argument(request.worker_id).argument(std::int64_t{plain ? 1 : 3});
    call.script.argument(keys_.event_start).argument(keys_.wake_start).argument(keys_.channel);
    call.script.argument(keys_.dedup_start).argument(static_cast<std::int64_t>(request.once.size()));
    for (detail::PublishOnce& unit : request.once) {
        call.script.argument(static_cast<std::int64_t>(unit.first)).argument(static_cast<std::int64_t>(unit.count));
        call.script.argument(std::move(unit.word)).argument(unit.window.count());
    }
    for (detail::NewEvent& event : request.events) {
        call.script.argument(std::move(event.payload));
        if (!plain) {
            call.script.argument(std::move(event.key)).argument(std::move(event.headers));
        }
    }
    call.deadline = deadline;
    call.answered = [done](const Reply& reply) { done(publish_reply(reply.items.at(4).text)); };
    call.by_outcome = [done](const std::string& outcome) { done(publish_reply(outcome)); };
    call.failed = [done](Failure failure) { done(std::move(failure)); };
    numbered_.send(std::move(call));
    sweep_now_and_then();
}

void RedisStore::take(detail::TakeRequest request, Callback<detail::TakeReply> done) {
    const GroupKeys group = keys_.of_group(request.group);
    NumberedCalls::Call call;
    call.script.script = &scripts::take;
    call.script.keys = {keys_.meta,   keys_.counter, keys_.index,   keys_.groups, keys_.idle, {},
                        group.leases, group.held,    group.delayed, group.open,   group.dead, group.wake};
    call.record_key = 5;
    call.script.argument(request.group).argument(std::int64_t{request.max}).argument(request.max_bytes);
    call.script.argument(request.lease.count()).argument(request.ttl.count()).argument(request.worker_id);
    call.script.argument(max_payload_bytes_).argument(keys_.event_start).argument(keys_.channel);
    call.script.argument(std::int64_t{request.max_lost_leases}).argument(std::int64_t{request.holding});
    call.answered = [done](Reply& reply) { done(take_reply(reply)); };
    // What such a take had leased is in nobody's hands: back at once, not after a lease.
    const auto give_back = [this, name = request.group, worker = request.worker_id](const std::string& outcome) {
        hand_back(name, worker, outcome);
    };
    call.by_outcome = [done, give_back](const std::string& outcome) {
        give_back(outcome);
        detail::TakeReply nothing;
        nothing.more = true;
        done(std::move(nothing));
    };
    call.failed = [done](Failure failure) { done(std::move(failure)); };
    call.came_through = give_back;
    numbered_.send(std::move(call));
}

/// `taken`: "epoch id id id", the outcome of a take.
void RedisStore::hand_back(const std::string& group, const std::string& worker_id, const std::string& taken) {
    detail::SettleRequest request;
    request.group = group;
    request.worker_id = worker_id;
    const auto words = numbers(taken);
    for (std::size_t i = 1; i < words.size(); ++i) {
        detail::Settlement settlement;
        settlement.lease = {words[i], words[0]};
        settlement.verdict = detail::Verdict::handed_back;
        request.settlements.push_back(std::move(settlement));
    }
    if (!request.settlements.empty()) {
        settle(std::move(request), [](const detail::Result<StillHeld>&) {});
    }
}

void RedisStore::settle(detail::SettleRequest request, Callback<StillHeld> done) {
    if (request.settlements.empty()) {
        answer_later(StillHeld(), std::move(done));
        return;
    }
    in_slices(request.settlements.size(), std::move(done),
              [&](std::size_t first, std::size_t count, Callback<StillHeld> part) {
                  settle_slice(request, first, count, std::move(part));
              });
}

void RedisStore::settle_slice(const detail::SettleRequest& request, std::size_t first, std::size_t count,
                              Callback<StillHeld> done) {
    const GroupKeys group = keys_.of_group(request.group);
    NumberedCalls::Call call;
    call.script.script = &scripts::settle;
    call.script.keys = {keys_.meta, keys_.index,   keys_.groups, keys_.idle, {},        group.leases,
                        group.held, group.delayed, group.open,   group.dead, group.wake};
    call.record_key = 4;
    call.script.arguments.reserve(6 + count * 5);
    call.script.argument(request.group).argument(request.worker_id).argument(request.ttl.count());
    call.script.argument(keys_.event_start).argument(keys_.channel).argument(static_cast<std::int64_t>(count));
    for (std::size_t i = first; i < first + count; ++i) {
        const detail::Settlement& settlement = request.settlements[i];
        call.script.argument(settlement.lease.id).argument(settlement.lease.epoch).argument(letter(settlement.verdict));
        call.script.argument(settlement.started_ago.count()).argument(settlement.finished_ago.count());
        if (settlement.verdict == detail::Verdict::failed || settlement.verdict == detail::Verdict::retry) {
            call.script.argument(detail::error_text(settlement.error));
        }
        if (settlement.verdict == detail::Verdict::retry) {
            call.script.argument(settlement.delay.count());
        }
    }
    call.answered = [done, count](const Reply& reply) { done(flags(reply.items.at(4).text, count)); };
    call.by_outcome = [done, count](const std::string& outcome) { done(flags(outcome, count)); };
    call.failed = [done](Failure failure) { done(std::move(failure)); };
    numbered_.send(std::move(call));
}

void RedisStore::renew(detail::RenewRequest request, Callback<StillHeld> done) {
    if (request.leases.empty()) {
        answer_later(StillHeld(), std::move(done));
        return;
    }
    in_slices(request.leases.size(), std::move(done),
              [&](std::size_t first, std::size_t count, Callback<StillHeld> part) {
                  renew_slice(request, first, count, std::move(part));
              });
}

void RedisStore::renew_slice(const detail::RenewRequest& request, std::size_t first, std::size_t count,
                             Callback<StillHeld> done) {
    const GroupKeys group = keys_.of_group(request.group);
    ScriptCall call{&scripts::renew, {keys_.meta, keys_.index, group.leases, group.held}};
    call.argument(request.lease.count()).argument(keys_.event_start);
    for (std::size_t i = first; i < first + count; ++i) {
        call.argument(request.leases[i].id).argument(request.leases[i].epoch);
    }
    run(
        std::move(call), request.deadline, [done](const Failure& failure) { done(failure); },
        [done, count](const Reply& reply) { done(flags(reply.items.at(2).text, count)); });
}

void RedisStore::progress(detail::ProgressRequest request, Callback<StillHeld> done) {
    ScriptCall call{&scripts::progress, {keys_.meta, keys_.index, keys_.of_group(request.group).held}};
    call.argument(request.lease.id).argument(request.lease.epoch);
    call.argument(progress_text(request.fraction, request.note)).argument(keys_.event_start);
    run(
        std::move(call), request.deadline, [done](const Failure& failure) { done(failure); },
        [done](const Reply& reply) { done(flags(reply.items.at(2).text, 1)); });
}

/// By a call that is answered with one letter per id.
void RedisStore::change_by_hand(NumberedCalls::Call call, Deadline deadline,
                                Callback<std::vector<detail::ByHand>> done) {
    call.deadline = deadline;
    call.answered = [done](const Reply& reply) { done(by_hand(reply.items.at(4).text)); };
    call.by_outcome = [done](const std::string& outcome) { done(by_hand(outcome)); };
    call.failed = [done](Failure failure) { done(std::move(failure)); };
    numbered_.send(std::move(call));
}

void RedisStore::retry(detail::RetryRequest request, Deadline deadline, Callback<std::vector<detail::ByHand>> done) {
    NumberedCalls::Call call;
    call.script.script = &scripts::retry;
    call.script.keys = {keys_.meta, keys_.index, keys_.groups, keys_.idle, {}};
    call.record_key = 4;
    call.script.argument(request.ttl.count()).argument(keys_.event_start).argument(keys_.delayed_start);
    call.script.argument(keys_.open_start).argument(keys_.dead_start).argument(keys_.held_start);
    call.script.argument(keys_.wake_start).argument(std::int64_t{request.delayed_too ? 1 : 0});
    for (const EventId id : request.ids) {
        call.script.argument(id);
    }
    change_by_hand(std::move(call), deadline, std::move(done));
}

void RedisStore::discard(detail::DiscardRequest request, Deadline deadline,
                         Callback<std::vector<detail::ByHand>> done) {
    NumberedCalls::Call call;
    call.script.script = &scripts::discard;
    call.script.keys = {keys_.meta, keys_.index, keys_.groups, {}};
    call.record_key = 3;
    call.script.argument(request.ttl.count()).argument(keys_.event_start).argument(keys_.leases_start);
    call.script.argument(keys_.delayed_start).argument(keys_.open_start).argument(keys_.dead_start);
    call.script.argument(keys_.held_start).argument(keys_.channel).argument(request.worker_id);
    call.script.argument(detail::error_text(request.reason));
    for (const EventId id : request.ids) {
        call.script.argument(id);
    }
    change_by_hand(std::move(call), deadline, std::move(done));
}

}  // namespace eventy::redis
