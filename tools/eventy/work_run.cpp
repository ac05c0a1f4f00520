#include "work_run.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>
#include <utility>

#include "command.hpp"
#include "output.hpp"

namespace eventy::cli {

namespace {

using std::chrono::steady_clock;

constexpr auto a_long_time = std::chrono::hours(24 * 365);
constexpr auto longest_pause = milliseconds(200);
// After the children were told to end: two seconds until they are killed, and some for storing what came of it.
constexpr auto patience_after_stop = std::chrono::seconds(7);

}  // namespace

WorkRun::WorkRun(Signals& signals, EventQueue<std::string> queue, WorkAction& action, WorkLimits limits)
    : signals_(signals), queue_(std::move(queue)), action_(action), limits_(std::move(limits)) {}

WorkRun::Tally WorkRun::tally() const {
    const std::lock_guard lock(mutex_);
    return tally_;
}

int WorkRun::run() {
    if (limits_.once && !find_last_of_now()) {
        return exit_ok;
    }
    const auto subscription =
        queue_.subscribe([this](const QueueEvent<std::string>& event, Context& context) { handle(event, context); },
                         {.group = limits_.group});
    wait_for_the_end();
    close();
    const std::lock_guard lock(mutex_);
    if (!error_.empty()) {
        throw Failure(error_);
    }
    return exit_ok;
}

// -- on the handlers' threads ----------------------------------------------------------------------------------------

void WorkRun::handle(const QueueEvent<std::string>& event, Context& context) {
    begin_or_hand_back(event.id);
    try {
        action_.run(event, context);
    } catch (const HandBack&) {
        finished(event.id, &Tally::handed_back, true);
        throw;
    } catch (const Unusable& unusable) {
        end(unusable.what());
        finished(event.id, &Tally::handed_back, true);
        throw HandBack();
    } catch (const Retry&) {
        finished(event.id, &Tally::failed, true);
        throw;
    } catch (const Reject&) {
        finished(event.id, &Tally::failed);
        throw;
    } catch (...) {
        finished(event.id, &Tally::failed, context.attempt() < limits_.max_attempts);
        throw;
    }
    finished(event.id, &Tally::processed);
}

void WorkRun::begin_or_hand_back(EventId id) {
    const std::lock_guard lock(mutex_);
    if (!ending_ && last_of_now_ && id > *last_of_now_) {
        // Ids are handed out in order: all of now have been begun. While some of them may come again, newer ones are
        // handled as well: handed back, they would be here again at once.
        newer_seen_ = true;
        ending_ = unfinished_.empty();
        bell_.ring();
    }
    if (ending_) {
        ++tally_.handed_back;
        throw HandBack();
    }
    if (last_of_now_ && id <= *last_of_now_) {
        unfinished_.insert(id);
    }
    if (++begun_ == limits_.count) {
        ending_ = true;
        bell_.ring();
    }
}

void WorkRun::finished(EventId id, std::int64_t Tally::* outcome, bool comes_again) {
    const std::lock_guard lock(mutex_);
    ++(tally_.*outcome);
    if (!comes_again) {
        unfinished_.erase(id);
    }
}

void WorkRun::end(const std::string& error) {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    if (error_.empty()) {
        error_ = error;
    }
    bell_.ring();
}

// -- on the main thread ----------------------------------------------------------------------------------------------

bool WorkRun::ending() const {
    const std::lock_guard lock(mutex_);
    return ending_;
}

bool WorkRun::nothing_began() const {
    const std::lock_guard lock(mutex_);
    return begun_ == 0;
}

bool WorkRun::find_last_of_now() {
    const auto newest = queue_.search_events({}, {.limit = 1});
    if (!newest.items.empty()) {
        last_of_now_ = newest.items.front().id;
    } else if (!newest.unreadable.empty()) {
        last_of_now_ = newest.unreadable.front().id;
    } else {
        // An index that somebody deleted comes back in parts; until then the group says whether something waits.
        const auto stats = queue_.stats();
        const auto group = stats.groups.find(limits_.group);
        if (group != stats.groups.end() && group->second.lag + group->second.leased > 0) {
            last_of_now_ = stats.last_id;
        }
    }
    return last_of_now_.has_value();
}

bool WorkRun::everything_of_now_is_done() {
    try {
        const auto stats = queue_.stats();
        const auto group = stats.groups.find(limits_.group);
        return (group != stats.groups.end() && group->second.lag + group->second.leased == 0) ||
               nothing_of_now_is_unfinished();
    } catch (const Error&) {
        return false;  // the worker says what is the matter with the server
    }
}

/// Where newer events keep the group from ever being without work.
bool WorkRun::nothing_of_now_is_unfinished() {
    std::vector<EventId> some;
    {
        const std::lock_guard lock(mutex_);
        if (!newer_seen_) {
            return false;
        }
        for (const EventId id : unfinished_) {
            if (some.size() == 100) {
                break;
            }
            some.push_back(id);
        }
    }
    const auto events = queue_.get_events(some);
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < some.size(); ++i) {
        const bool open =
            events[i] && (events[i]->status == EventStatus::pending || events[i]->status == EventStatus::processing);
        if (!open) {
            unfinished_.erase(some[i]);
        }
    }
    return unfinished_.empty();
}

void WorkRun::wait_for_the_end() {
    auto pause = limits_.once ? milliseconds(5) : milliseconds(60'000);
    while (!ending()) {
        wait_for(signals_, bell_, pause);
        if (signals_.take()) {
            signalled_ = true;
            end();
        } else if (limits_.once && everything_of_now_is_done()) {
            end();
        }
        if (limits_.once) {
            pause = std::min(pause * 2, longest_pause);
        }
    }
}

void WorkRun::close() {
    std::atomic<bool> closed{false};
    std::thread closing([&] {
        try {
            queue_.close(a_long_time);
        } catch (const std::exception& error) {
            end(error.what());
        }
        closed = true;
        bell_.ring();
    });
    auto deadline = steady_clock::now() + (signalled_ ? std::chrono::milliseconds(limits_.drain) : a_long_time);
    bool stopped = false;
    while (!closed) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
        wait_for(signals_, bell_, std::clamp(left, milliseconds(0), milliseconds(60'000)));
        if (signals_.take()) {
            if (std::exchange(signalled_, true)) {
                action_.kill();
                deadline = steady_clock::now();
            } else {
                deadline = steady_clock::now() + limits_.drain;
            }
        }
        if (closed || steady_clock::now() < deadline) {
            continue;
        }
        if (nothing_began()) {
            complain("the server does not answer; nothing had been run, so there is nothing to store");
            flush_output();
            std::_Exit(exit_ok);
        }
        if (stopped) {
            complain("gave up waiting for the outcome of what ran; it is processed again when its lease ends");
            flush_output();
            std::_Exit(exit_failure);
        }
        stopped = true;
        action_.stop();
        deadline = steady_clock::now() + patience_after_stop;
    }
    closing.join();
}

}  // namespace eventy::cli
