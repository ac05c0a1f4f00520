#include "redis/numbered_calls.hpp"

#include <algorithm>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "redis/record_codec.hpp"
#include "redis/scripts.hpp"

namespace eventy::redis {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::string random_id() {
    std::random_device source;
    std::string id;
    for (int word = 0; word < 4; ++word) {
        constexpr std::string_view hex = "0123456789abcdef";
        auto bits = source();
        for (int digit = 0; digit < 8; ++digit, bits >>= 4) {
            id.push_back(hex[bits & 15U]);
        }
    }
    return id;
}

/// A copy counts for half of it (shared/calls.lua). The last one of a call is sent by the call's deadline, so it is
/// over at least 30 s before a record that was written when the first one came.
milliseconds record_ttl(milliseconds longest_call) {
    const milliseconds least = std::chrono::seconds(70);
    return std::max(least, 2 * longest_call + std::chrono::seconds(60));
}

}  // namespace

NumberedCalls::NumberedCalls(boost::asio::io_context& io, ClientCore& core, ScriptRunner& runner, const Keys& keys,
                             Times times, std::function<void(const Reply&)> heard)
    : core_(core),
      runner_(runner),
      keys_(keys),
      heard_(std::move(heard)),
      record_ttl_(record_ttl(times.longest_call)),
      copies_live_(times.copies_live.value_or(record_ttl_ / 2)),
      sequencer_(&random_id),
      deadline_timer_(io) {}

void NumberedCalls::send(Call call) {
    const Token token = ++last_token_;
    calls_.emplace(token, Entry{std::make_shared<Call>(std::move(call))});
    sequencer_.submit(token);
    act();
    watch_deadline(calls_.at(token));
}

void NumberedCalls::act() {
    const CallSequencer::Actions actions = sequencer_.next();
    if (actions.retire) {
        send_retire(*actions.retire);
    }
    for (const CallSequencer::Send& send : actions.sends) {
        send_call(send);
    }
}

void NumberedCalls::send_call(const CallSequencer::Send& send) {
    Entry& entry = calls_.at(send.call);
    entry.on_the_way = true;
    Call& call = *entry.call;
    call.script.keys[call.record_key] = keys_.call_record_start + send.client;
    Command command = to_command(
        call.script, send.with_text,
        {std::to_string(send.number), std::to_string(send.base), std::to_string(record_ttl_.count()), not_after()});
    core_.send(std::move(command), call.deadline,
               [this, life = std::weak_ptr(alive_), token = send.call](detail::Result<Reply> result) {
                   if (!life.expired()) {
                       replied(token, std::move(result));
                   }
               });
}

/// Of a copy that is sent now, by the server's clock. Where that is not known the answer to the copy will say it.
std::string NumberedCalls::not_after() const {
    const auto now = core_.server_clock().at(steady_clock::now());
    return std::to_string(now ? (*now + copies_live_).count() : 0);
}

void NumberedCalls::replied(Token token, detail::Result<Reply> result) {
    using Answer = CallSequencer::Answer;
    if (!result.ok()) {
        fail(token, result.failure());
        return;
    }
    Reply& reply = result.value();
    calls_.at(token).on_the_way = false;
    if (reply.is_error("NOSCRIPT")) {
        calls_.at(token).in_doubt = true;
        sequencer_.answered(token, Answer::unknown_script);
    } else if (reply.is_error()) {
        // In the sequence at once; the caller hears it when it is explained.
        sequencer_.answered(token, Answer::given_up);
        Entry& entry = calls_.at(token);
        entry.failed = true;
        runner_.explain(entry.call->script, reply,
                        [call = entry.call](detail::Failure failure) { call->failed(std::move(failure)); });
    } else {
        const std::string state = reply.items.size() < 4 ? std::string() : reply.items.front().text;
        if (state.empty()) {
            fail(token, runner_.not_understood(*calls_.at(token).call->script.script));
            return;
        }
        if (state == "LATE") {
            came_late(token, reply);
            return;
        }
        if (state == "GAP" || state == "STALE") {
            calls_.at(token).in_doubt = true;
            sequencer_.answered(token, state == "GAP" ? Answer::gap : Answer::stale);
        } else {
            sequencer_.answered(token, Answer::final);
            const auto call = remove(token);
            act();
            heard_(reply);
            try {
                call->answered(reply);
            } catch (const std::out_of_range&) {  // by what takes the reply apart: nobody was told yet
                call->failed(runner_.not_understood(*call->script.script));
            }
            return;
        }
    }
    act();
    watch_deadline(calls_.at(token));
}

/// The copy lay about for too long, or the server's clock is not what we thought: it goes out again by what the clock
/// says now.
void NumberedCalls::came_late(Token token, const Reply& reply) {
    constexpr int most_copies = 5;
    constexpr std::int64_t latest = std::int64_t{1} << 52;
    Entry& entry = calls_.at(token);
    entry.in_doubt = true;
    const std::int64_t time = reply.items.size() > 4 ? to_int(reply.items[4]) : 0;
    if (time <= 0 || time > latest) {
        fail(token, runner_.not_understood(*entry.call->script.script));
    } else if (++entry.times_late == most_copies) {
        fail(token, {errc::server, std::string(entry.call->script.script->name) + " at " + runner_.place() + ": " +
                                       std::to_string(most_copies) +
                                       " copies in a row came too late, so the clock there leaps"});
    } else {
        core_.server_clock().heard(milliseconds(time), steady_clock::now());
        sequencer_.answered(token, CallSequencer::Answer::late);
        act();
        watch_deadline(calls_.at(token));
    }
}

void NumberedCalls::fail(Token token, const detail::Failure& failure) {
    sequencer_.answered(token, CallSequencer::Answer::given_up);
    Entry& entry = calls_.at(token);
    entry.failed = true;
    const auto call = entry.call;
    auto its_failure = failure;
    its_failure.not_done = failure.not_done && !entry.in_doubt;
    act();
    call->failed(std::move(its_failure));
}

void NumberedCalls::send_retire(const CallSequencer::Retire& retire) {
    ScriptCall script{
        &scripts::retire, {keys_.call_record_start + retire.client}, {std::to_string(record_ttl_.count())}};
    for (const CallSequencer::Number number : retire.numbers) {
        script.argument(std::to_string(number));
    }
    core_.send(to_command(script, retire.with_text), {},
               [this, life = std::weak_ptr(alive_)](detail::Result<Reply> result) {
                   if (!life.expired()) {
                       retired(std::move(result));
                   }
               });
}

void NumberedCalls::retired(detail::Result<Reply> result) {
    if (result.ok() && result.value().is_error("NOSCRIPT")) {
        sequencer_.retire_unknown_script();
        act();
        return;
    }
    std::vector<std::function<void()>> to_tell;
    if (!result.ok() || result.value().is_error()) {
        detail::Failure why =
            result.ok() ? detail::Failure{errc::server, "retire at " + runner_.place() + ": " + result.value().text}
                        : result.failure();
        why.not_done = false;  // the calls themselves had been sent
        for (const Token token : sequencer_.retire_failed()) {
            to_tell.emplace_back([call = remove(token), why] { call->failed(why); });
        }
    } else {
        std::vector<std::optional<std::string>> outcomes;
        for (Reply& item : result.value().items) {
            outcomes.push_back(item.is_nil() ? std::nullopt : std::optional(std::move(item.text)));
        }
        for (CallSequencer::Applied& applied : sequencer_.retired(outcomes)) {
            const bool failed = calls_.at(applied.call).failed;
            to_tell.emplace_back([call = remove(applied.call), failed, outcome = std::move(applied.outcome)] {
                const auto& tell = failed ? call->came_through : call->by_outcome;
                if (tell) {
                    tell(outcome);
                }
            });
        }
    }
    forget_failed();
    for (auto& [token, entry] : calls_) {
        entry.in_doubt = false;
    }
    act();
    const std::weak_ptr life(alive_);
    for (const auto& tell : to_tell) {
        if (life.expired()) {
            return;
        }
        tell();
    }
}

void NumberedCalls::forget_failed() {
    std::erase_if(calls_, [](const auto& entry) { return entry.second.failed; });
}

std::shared_ptr<NumberedCalls::Call> NumberedCalls::remove(Token token) {
    const auto entry = calls_.find(token);
    auto call = std::move(entry->second.call);
    calls_.erase(entry);
    return call;
}

void NumberedCalls::watch_deadline(const Entry& entry) {
    const auto deadline = entry.call->deadline.value_or(steady_clock::time_point::max());
    if (entry.on_the_way || entry.failed || !entry.call->deadline || (timer_at_ && *timer_at_ <= deadline)) {
        return;
    }
    timer_at_ = deadline;
    deadline_timer_.expires_at(deadline);
    deadline_timer_.async_wait([this, life = std::weak_ptr(alive_)](boost::system::error_code error) {
        if (!error && !life.expired()) {
            timer_at_.reset();
            look_at_deadlines();
        }
    });
}

/// Calls that are on the way come back from the connection at their deadlines. Those that wait for their turn, or for
/// the retirement of the client id under which they were not applied, end here.
void NumberedCalls::look_at_deadlines() {
    const auto now = steady_clock::now();
    std::vector<Token> late;
    for (const auto& [token, entry] : calls_) {
        if (!entry.on_the_way && !entry.failed && entry.call->deadline && *entry.call->deadline <= now) {
            late.push_back(token);
        } else {
            watch_deadline(entry);
        }
    }
    const std::weak_ptr life(alive_);
    for (const Token token : late) {
        if (life.expired()) {
            return;
        }
        const auto found = calls_.find(token);
        if (found == calls_.end() || found->second.on_the_way || found->second.failed) {
            continue;  // by what those before it were told
        }
        const detail::Failure failure{errc::timeout,
                                      std::string(found->second.call->script.script->name) + " at " + runner_.place() +
                                          ": no answer in time to the calls before it",
                                      true};
        if (sequencer_.withdraw(token)) {
            remove(token)->failed(failure);
        } else {
            fail(token, failure);
        }
    }
}

}  // namespace eventy::redis
