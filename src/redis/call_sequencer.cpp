#include "redis/call_sequencer.hpp"

#include <algorithm>
#include <utility>

namespace eventy::redis {

CallSequencer::CallSequencer(std::function<std::string()> new_client_id)
    : new_client_id_(std::move(new_client_id)), client_(new_client_id_()) {}

CallSequencer::Actions CallSequencer::next() {
    Actions actions;
    if (retirement_ == Retirement::wanted) {
        retirement_ = Retirement::asked;
        asked_.clear();
        for (const Call& call : live_) {
            asked_.push_back(call.number);
        }
        actions.retire = Retire{client_, asked_, retire_with_text_};
    }
    if (retirement_ != Retirement::none) {
        return actions;
    }
    while (!waiting_.empty() && live_.size() < window) {
        live_.push_back({waiting_.front(), ++last_number_});
        waiting_.pop_front();
    }
    for (Call& call : live_) {
        if (call.state == State::to_send) {
            call.state = State::sent;
            actions.sends.push_back({call.token, client_, call.number, live_.front().number, call.with_text});
        }
    }
    return actions;
}

void CallSequencer::submit(Token token) { waiting_.push_back(token); }

bool CallSequencer::withdraw(Token token) {
    const auto found = std::find(waiting_.begin(), waiting_.end(), token);
    if (found == waiting_.end()) {
        return false;
    }
    waiting_.erase(found);
    return true;
}

CallSequencer::Call* CallSequencer::find(Token token) {
    const auto found = std::find_if(live_.begin(), live_.end(), [token](const Call& c) { return c.token == token; });
    return found == live_.end() ? nullptr : &*found;
}

void CallSequencer::answered(Token token, Answer answer) {
    Call* const call = find(token);
    if (call == nullptr) {
        return;
    }
    switch (answer) {
        case Answer::final: live_.erase(live_.begin() + (call - live_.data())); break;
        case Answer::unknown_script: call->with_text = true; [[fallthrough]];
        case Answer::gap:
        case Answer::late: call->state = State::to_send; break;
        case Answer::stale:
            // A copy of `Retire` on an old connection overtook this call.
            call->state = State::to_send;
            want_retirement();
            break;
        case Answer::given_up:
            call->given_up = true;
            want_retirement();
            break;
    }
}

void CallSequencer::want_retirement() {
    if (retirement_ == Retirement::none) {
        retirement_ = Retirement::wanted;
    }
}

std::vector<CallSequencer::Applied> CallSequencer::retired(const std::vector<std::optional<std::string>>& outcomes) {
    std::vector<Applied> applied;
    for (Call& call : live_) {
        const auto at = static_cast<std::size_t>(std::find(asked_.begin(), asked_.end(), call.number) - asked_.begin());
        if (at < outcomes.size() && outcomes[at]) {
            applied.push_back({call.token, *outcomes[at]});
            call.given_up = true;
        }
    }
    renumber();
    return applied;
}

void CallSequencer::retire_unknown_script() {
    retirement_ = Retirement::wanted;
    retire_with_text_ = true;
}

std::vector<CallSequencer::Token> CallSequencer::retire_failed() {
    std::vector<Token> over;
    for (Call& call : live_) {
        if (!std::exchange(call.given_up, true)) {
            over.push_back(call.token);
        }
    }
    renumber();
    return over;
}

void CallSequencer::renumber() {
    std::erase_if(live_, [](const Call& call) { return call.given_up; });
    client_ = new_client_id_();
    last_number_ = 0;
    for (Call& call : live_) {
        call.number = ++last_number_;
        call.state = State::to_send;
    }
    retirement_ = Retirement::none;
    retire_with_text_ = false;
}

}  // namespace eventy::redis
