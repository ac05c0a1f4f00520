#include "redis/client/pipeline.hpp"

#include <algorithm>
#include <utility>

#include "redis/client/error_reply.hpp"

namespace eventy::redis {

void Pipeline::push(Command command, std::optional<TimePoint> deadline, Done done, Resend resend) {
    look_at_deadline(deadline);
    commands_.push_back({std::move(command), deadline, std::move(done), resend});
}

void Pipeline::write(std::string& out, std::size_t limit) {
    while (has_waiting() && out.size() < limit) {
        out += commands_[written_++].command.wire;
    }
}

std::optional<Pipeline::Answer> Pipeline::answered(const Reply& reply) {
    if (written_ == 0) {
        return std::nullopt;
    }
    auto& oldest = commands_.front();
    if (asks_to_resend(reply)) {
        oldest.refused = true;
        return Answer{true, {}};
    }
    Answer answer{false, std::move(oldest.done)};
    commands_.pop_front();
    --written_;
    return answer;
}

std::vector<Pipeline::Ended> Pipeline::lost() {
    std::vector<Ended> ended;
    std::deque<Entry> kept;
    for (std::size_t i = 0; i < written_; ++i) {
        auto& entry = commands_[i];
        entry.in_doubt = may_be_applied(i);
        entry.refused = false;
        if (entry.done && entry.resend == Resend::no) {
            ended.push_back({std::move(entry.command), std::move(entry.done), entry.in_doubt});
        } else if (entry.done) {
            kept.push_back(std::move(entry));
        }
    }
    if (kept.size() < written_) {
        commands_.erase(commands_.begin(), commands_.begin() + static_cast<std::ptrdiff_t>(written_));
        commands_.insert(commands_.begin(), std::make_move_iterator(kept.begin()), std::make_move_iterator(kept.end()));
    } else {
        std::ranges::move(kept, commands_.begin());
    }
    written_ = 0;
    return ended;
}

std::optional<Pipeline::Ended> Pipeline::end_oldest() {
    if (written_ == 0) {
        return std::nullopt;
    }
    auto entry = std::move(commands_.front());
    commands_.pop_front();
    --written_;
    if (!entry.done) {
        return std::nullopt;
    }
    return Ended{std::move(entry.command), std::move(entry.done), true};
}

std::vector<Pipeline::Ended> Pipeline::end_due(TimePoint now) {
    std::vector<Ended> ended;
    if (!next_deadline_ || now < *next_deadline_) {
        return ended;
    }
    next_deadline_.reset();
    std::size_t waiting_ended = 0;
    for (std::size_t i = 0; i < commands_.size(); ++i) {
        auto& entry = commands_[i];
        if (!entry.done) {
            continue;
        }
        if (!entry.deadline || now < *entry.deadline) {
            look_at_deadline(entry.deadline);
            continue;
        }
        ended.push_back({std::exchange(entry.command, {}), std::exchange(entry.done, {}), may_be_applied(i)});
        waiting_ended += i < written_ ? 0U : 1U;
    }
    if (waiting_ended > 0) {
        remove_ended_waiting(waiting_ended);
    }
    return ended;
}

void Pipeline::remove_ended_waiting(std::size_t count) {
    const auto is_ended = [](const Entry& entry) { return !entry.done; };
    const auto waiting = commands_.begin() + static_cast<std::ptrdiff_t>(written_);
    // In most cases they are the oldest ones: the many behind them need not move then.
    const auto oldest_end = std::find_if_not(waiting, commands_.end(), is_ended);
    const auto left = count - static_cast<std::size_t>(oldest_end - waiting);
    const auto rest = commands_.erase(waiting, oldest_end);
    if (left > 0) {
        commands_.erase(std::remove_if(rest, commands_.end(), is_ended), commands_.end());
    }
}

std::vector<Pipeline::Ended> Pipeline::end_all() {
    std::vector<Ended> ended;
    for (std::size_t i = 0; i < commands_.size(); ++i) {
        if (commands_[i].done) {
            ended.push_back({std::move(commands_[i].command), std::move(commands_[i].done), may_be_applied(i)});
        }
    }
    commands_.clear();
    written_ = 0;
    next_deadline_.reset();
    return ended;
}

void Pipeline::look_at_deadline(std::optional<TimePoint> deadline) {
    if (deadline && (!next_deadline_ || *deadline < *next_deadline_)) {
        next_deadline_ = deadline;
    }
}

}  // namespace eventy::redis
