#include "redis/client/command_channel.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace eventy::redis {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t write_bytes = 256 * 1024;  // as many small commands as fit go into one write
// A connection that owes an answer and moves no byte for so long is dropped. Doubled each time in a row, so that a
// server or a command that is merely slow gets through.
constexpr milliseconds first_patience{1000};
constexpr int most_patience_doublings = 4;
// Deadlines that pass one soon after the other are looked at together.
constexpr milliseconds deadline_grain{5};

detail::Failure refusal(const Surroundings& surroundings, const std::string& why) {
    return {errc::connection, "cannot use " + surroundings.place + ": " + why, true};
}

}  // namespace

CommandChannel::CommandChannel(Surroundings& surroundings)
    : surroundings_(surroundings),
      supervisor_(surroundings, *this, "commands", {.time = true}),
      deadline_alarm_(surroundings, [this] { look_at_deadlines(); }),
      silence_alarm_(surroundings, [this] { look_for_silence(); }) {}

void CommandChannel::stop() {
    stopped_ = true;
    supervisor_.stop();
    deadline_alarm_.cancel();
    silence_alarm_.cancel();
    // Moved out first: what callbacks own may call us while it is destroyed.
    const auto commands = pipeline_.end_all();
    const auto waiters = std::exchange(ready_waiters_, {});
    const auto watchers = std::exchange(reconnect_watchers_, {});
    const auto others = std::exchange(presence_watchers_, {});
    const auto on_silence = std::exchange(on_silence_, {});
    const auto on_return = std::exchange(on_return_, {});
}

// -- what the client asks for ----------------------------------------------------------------------------------------

void CommandChannel::send(Command command, detail::Deadline deadline, detail::Callback<Reply> done,
                          Pipeline::Resend resend) {
    if (stopped_) {
        return;
    }
    if (!done) {
        done = [](const auto&) {};  // an empty one would count as abandoned
    }
    if (refused_) {
        fail_later(std::move(command), std::move(done));
        return;
    }
    pipeline_.push(std::move(command), deadline, std::move(done), resend);
    set_deadline_alarm(deadline);
    if (pipeline_.unanswered() == 0) {
        write();  // the line is idle: nothing is gained by waiting for company
    } else {
        write_soon();
    }
}

void CommandChannel::wait_ready(detail::Deadline deadline, detail::Callback<detail::Done> done) {
    if (stopped_) {
        return;
    }
    if (supervisor_.is_up() || refused_) {
        const auto failure = refused_ ? std::optional(refusal(surroundings_, *refused_)) : std::nullopt;
        boost::asio::post(surroundings_.io, [life = surroundings_.life, this, failure, done = std::move(done)] {
            if (const auto alive = life.lock(); alive && !stopped_) {
                tell_ready({{{}, done}}, failure);
            }
        });
        return;
    }
    ready_waiters_.push_back({deadline, std::move(done)});
    set_deadline_alarm(deadline);
}

void CommandChannel::on_reconnect(std::uint64_t token, std::function<void()> watcher) {
    reconnect_watchers_[token] = std::move(watcher);
}

void CommandChannel::remove_on_reconnect(std::uint64_t token) { reconnect_watchers_.erase(token); }

detail::Presence CommandChannel::presence() const {
    return refused_              ? detail::Presence::refused
           : supervisor_.is_up() ? detail::Presence::there
                                 : detail::Presence::away;
}

void CommandChannel::on_presence(std::uint64_t token, std::function<void()> watcher) {
    presence_watchers_[token] = std::move(watcher);
}

void CommandChannel::remove_on_presence(std::uint64_t token) { presence_watchers_.erase(token); }

void CommandChannel::fail_later(Command command, detail::Callback<Reply> done) {
    missed_something_ = true;
    auto failure = refusal(surroundings_, *refused_);
    failure.message = describe(command) + ": " + failure.message;
    boost::asio::post(surroundings_.io,
                      [life = surroundings_.life, this, failure = std::move(failure), done = std::move(done)] {
                          if (const auto alive = life.lock(); alive && !stopped_) {
                              call(done, detail::Result<Reply>(failure));
                          }
                      });
}

// -- what happens to the connection ----------------------------------------------------------------------------------

void CommandChannel::up() {
    refused_.reset();
    if (const auto time = supervisor_.connection().server_time()) {
        server_clock_.heard(*time, Clock::now());
    }
    const bool again = std::exchange(missed_something_, true);
    tell_ready(std::exchange(ready_waiters_, {}), std::nullopt);
    was_up_ = true;
    if (const auto lost = std::exchange(lost_at_, std::nullopt)) {
        call(on_return_, *lost);
    }
    if (again) {
        tell(reconnect_watchers_);
    }
    tell(presence_watchers_);
    write();
}

void CommandChannel::received(std::vector<Reply>& replies) {
    for (auto& reply : replies) {
        auto answer = pipeline_.answered(reply);
        if (!answer) {
            supervisor_.drop({Loss::Kind::passing, "it answers what nobody asked"});
            return;
        }
        if (answer->resend) {
            supervisor_.drop_for(reply);
            return;
        }
        silences_ = 0;
        supervisor_.proved_useful();
        call(answer->done, detail::Result<Reply>(std::move(reply)));
        if (stopped_) {
            return;
        }
    }
    write_soon();
}

void CommandChannel::down(const Loss& loss) {
    trouble_ = loss.reason;
    if (std::exchange(was_up_, false)) {
        lost_at_ = Clock::now();
    }
    silence_alarm_.cancel();
    if (loss.kind == Loss::Kind::reply_too_large) {
        if (auto ended = pipeline_.end_oldest()) {
            std::vector<Pipeline::Ended> one;
            one.push_back(std::move(*ended));
            tell_ended(std::move(one), errc::server, loss.reason);
        }
    }
    tell_ended(pipeline_.lost(), errc::connection, loss.reason);
    if (loss.kind == Loss::Kind::refused && !stopped_) {
        refused_ = loss.reason;
        auto ended = pipeline_.end_all();
        missed_something_ = missed_something_ || !ended.empty();
        tell_ready(std::exchange(ready_waiters_, {}), refusal(surroundings_, loss.reason));
        tell_ended(std::move(ended), errc::connection, "cannot use the server: " + loss.reason);
    } else {
        refused_.reset();
    }
    tell(presence_watchers_);
}

void CommandChannel::tell(const Watchers& watchers) {
    std::vector<std::uint64_t> tokens;
    tokens.reserve(watchers.size());
    for (const auto& [token, watcher] : watchers) {
        tokens.push_back(token);
    }
    for (const auto token : tokens) {
        const auto found = watchers.find(token);
        if (found != watchers.end()) {
            const auto watcher = found->second;  // it may remove itself
            call(watcher);
        }
    }
}

void CommandChannel::tell_ready(std::list<ReadyWaiter> waiters, const std::optional<detail::Failure>& failure) {
    for (const auto& waiter : waiters) {
        if (stopped_) {
            return;
        }
        call(waiter.done,
             failure ? detail::Result<detail::Done>(*failure) : detail::Result<detail::Done>(detail::Done{}));
    }
}

void CommandChannel::tell_ended(std::vector<Pipeline::Ended> ended, errc code, const std::string& why) {
    for (const auto& one : ended) {
        if (stopped_) {
            return;
        }
        const std::string applied = code != errc::server && one.written ? " (it may have been applied)" : "";
        std::string message = describe(one.command);
        message.append(" at ").append(surroundings_.place).append(": ").append(why).append(applied);
        call(one.done, detail::Result<Reply>(detail::Failure{code, std::move(message), !one.written}));
    }
}

std::string CommandChannel::describe(const Command& command) const {
    return command.key.empty() ? command.name : command.name + " on key '" + command.key + "'";
}

// -- writing ---------------------------------------------------------------------------------------------------------

/// Commands that are sent in one go of the I/O thread leave in one write.
void CommandChannel::write_soon() {
    if (!write_posted_ && supervisor_.is_up() && pipeline_.has_waiting()) {
        write_posted_ = true;
        boost::asio::post(surroundings_.io, [life = surroundings_.life, this] {
            if (const auto alive = life.lock()) {
                write_posted_ = false;
                write();
            }
        });
    }
}

void CommandChannel::write() {
    if (stopped_ || !supervisor_.is_up() || supervisor_.connection().is_writing() || !pipeline_.has_waiting()) {
        return;
    }
    if (pipeline_.unanswered() == 0) {
        owing_since_ = Clock::now();
    }
    auto& connection = supervisor_.connection();
    pipeline_.write(connection.staging(), write_bytes);
    connection.flush();
    watch_for_silence();
}

// -- time ------------------------------------------------------------------------------------------------------------

std::chrono::steady_clock::duration CommandChannel::patience() const {
    return first_patience * (1 << std::min(silences_, most_patience_doublings));
}

void CommandChannel::watch_for_silence() {
    if (!silence_alarm_.is_set()) {
        silence_alarm_.set_after(patience());
    }
}

void CommandChannel::look_for_silence() {
    if (!supervisor_.is_up() || pipeline_.unanswered() == 0) {
        return;
    }
    auto& connection = supervisor_.connection();
    const auto quiet_since = std::max(owing_since_, connection.last_progress());
    if (Clock::now() < quiet_since + patience()) {
        silence_alarm_.set(quiet_since + patience());
    } else if (connection.has_unread()) {
        silence_alarm_.set_after(patience());  // it is we who were away
    } else {
        const auto waited = std::chrono::duration_cast<milliseconds>(patience()).count();
        ++silences_;
        supervisor_.drop({Loss::Kind::silent, "no answer for " + std::to_string(waited) + " ms"});
        call(on_silence_);
    }
}

void CommandChannel::set_deadline_alarm(detail::Deadline deadline) {
    if (deadline) {
        deadline_alarm_.set_no_later(std::max(*deadline, Clock::now() - deadline_grain) + deadline_grain);
    }
}

void CommandChannel::look_at_deadlines() {
    const auto now = Clock::now();
    std::list<ReadyWaiter> late;
    for (auto waiter = ready_waiters_.begin(); waiter != ready_waiters_.end();) {
        const auto next = std::next(waiter);
        if (waiter->deadline && *waiter->deadline <= now) {
            late.splice(late.end(), ready_waiters_, waiter);
        } else {
            set_deadline_alarm(waiter->deadline);
        }
        waiter = next;
    }
    auto ended = pipeline_.end_due(now);
    set_deadline_alarm(pipeline_.next_deadline());
    tell_ready(std::move(late),
               detail::Failure{errc::connection, "cannot reach " + surroundings_.place + ": " + trouble_});
    const std::string trouble = supervisor_.is_troubled() ? "; the connection's last trouble: " + trouble_ : "";
    tell_ended(std::move(ended), errc::timeout, "no answer in time" + trouble);
}

}  // namespace eventy::redis
