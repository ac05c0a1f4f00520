// How a user's thread waits for what the I/O thread finds out.
#pragma once
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/io_thread.hpp"
#include "store/store.hpp"

namespace eventy::detail {

/// One answer. Whoever was to give it and vanished has answered `closed`, so that a wait always ends.
template <class R>
class Answer {
public:
    Answer() : state_(std::make_shared<State>()), promise_(std::make_shared<Promise>(state_)) {}

    /// To be called once, from any thread. Take it once.
    Callback<R> callback() {
        return [promise = std::move(promise_)](Result<R> result) { promise->keep(std::move(result)); };
    }

    Result<R> wait() {
        std::unique_lock lock(state_->mutex);
        state_->answered.wait(lock, [this] { return state_->result.has_value(); });
        return *std::move(state_->result);
    }

    /// Nothing when there was no answer in time.
    std::optional<Result<R>> wait_until(std::chrono::steady_clock::time_point deadline) {
        std::unique_lock lock(state_->mutex);
        if (!state_->answered.wait_until(lock, deadline, [this] { return state_->result.has_value(); })) {
            return std::nullopt;
        }
        return std::move(state_->result);
    }

private:
    struct State {
        std::mutex mutex;
        std::condition_variable answered;
        std::optional<Result<R>> result;
    };
    struct Promise {
        explicit Promise(std::shared_ptr<State> to_tell) : state(std::move(to_tell)) {}
        Promise(const Promise&) = delete;
        Promise& operator=(const Promise&) = delete;
        ~Promise() { keep(Failure{errc::closed, "the queue's connection was closed"}); }
        void keep(Result<R> result) {
            {
                const std::lock_guard lock(state->mutex);
                if (state->result) {
                    return;
                }
                state->result = std::move(result);
            }
            // Outside the lock, which the woken thread takes first of all: else it sleeps again at once.
            state->answered.notify_one();
        }
        std::shared_ptr<State> state;
    };
    std::shared_ptr<State> state_;
    std::shared_ptr<Promise> promise_;
};

/// Runs `start(callback)` on the I/O thread and waits for the answer. Throws its failure; on the I/O thread itself (a
/// logger that calls a queue) `would_deadlock`; in a forked child `closed`.
template <class R, class F>
R call_and_wait(IoThread& io, F start) {
    if (!io.is_at_home()) {
        throw_not_at_home("use a queue");
    }
    if (io.on_this_thread()) {
        throw Error(errc::would_deadlock, "a queue was called on Eventy's own I/O thread, by a logger or a clock");
    }
    Answer<R> answer;
    io.post([start = std::move(start), callback = answer.callback()]() mutable { start(std::move(callback)); });
    return value_or_throw(answer.wait());
}

}  // namespace eventy::detail
