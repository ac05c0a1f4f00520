// A timer that cannot ring too late to be stopped.
#pragma once
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "redis/client/surroundings.hpp"

namespace eventy::redis {

/// Calls one function at a time that can be moved and cancelled. After `cancel`, or its destruction, it does not ring,
/// even if the time was up already.
class Alarm {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    Alarm(Surroundings& surroundings, std::function<void()> ring)
        : surroundings_(surroundings), state_(std::make_shared<State>(surroundings, std::move(ring))) {}
    ~Alarm() { cancel(); }
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;

    void set(TimePoint when) {
        state_->when = when;
        state_->timer.expires_at(when);  // ends the wait before
        state_->timer.async_wait(
            [weak = std::weak_ptr(state_), life = surroundings_.life, when](boost::system::error_code) {
                const auto alive = life.lock();
                const auto state = weak.lock();
                // Ask the state, not the error: the time may have been up when the alarm was moved.
                if (alive && state && state->when == when && std::chrono::steady_clock::now() >= when) {
                    state->when.reset();
                    state->ring();
                }
            });
    }
    void set_after(std::chrono::steady_clock::duration time) { set(std::chrono::steady_clock::now() + time); }
    void set_no_later(TimePoint when) {
        if (!state_->when || when < *state_->when) {
            set(when);
        }
    }
    void cancel() {
        if (state_->when) {
            state_->when.reset();
            state_->timer.cancel();
        }
    }
    bool is_set() const { return state_->when.has_value(); }

private:
    struct State {
        State(Surroundings& surroundings, std::function<void()> function)
            : timer(surroundings.io), ring(std::move(function)) {}
        boost::asio::steady_timer timer;
        std::function<void()> ring;
        std::optional<TimePoint> when = {};
    };
    Surroundings& surroundings_;
    std::shared_ptr<State> state_;
};

}  // namespace eventy::redis
