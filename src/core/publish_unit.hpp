// One user's call of publish: what the I/O thread gets, and what the caller waits for.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/store.hpp"

namespace eventy::detail {

/// Callers whose events came together are mostly answered together, so they sleep on one condition and one call wakes
/// them all: with a hundred callers, waking each by itself costs more than everything else that a publish does.
struct PublishRound {
    std::mutex mutex;
    std::condition_variable answered;
};

/// The caller's half. Shared by the caller and the I/O thread.
class PublishTicket {
public:
    explicit PublishTicket(std::shared_ptr<PublishRound> round) : round_(std::move(round)) {}

    const std::shared_ptr<PublishRound>& round() const { return round_; }
    /// The first result counts. Wakes nobody: whoever has told all of a round wakes it.
    void keep(Result<PublishReply> result) {
        const std::lock_guard lock(round_->mutex);
        if (!result_) {
            result_ = std::move(result);
        }
    }
    /// Nothing when there was no answer in time; then the events are not sent any more if they still wait here.
    std::optional<Result<PublishReply>> wait_until(std::chrono::steady_clock::time_point deadline) {
        std::unique_lock lock(round_->mutex);
        if (!round_->answered.wait_until(lock, deadline, [this] { return result_.has_value(); })) {
            abandoned_ = true;
            return std::nullopt;
        }
        return std::move(result_);
    }
    bool abandoned() const { return abandoned_; }

private:
    std::shared_ptr<PublishRound> round_;
    std::optional<Result<PublishReply>> result_;  // guarded by the round's mutex
    std::atomic<bool> abandoned_{false};
};

/// The I/O thread's half. Its events stay together and in order. Destroyed without an answer, it answers `closed`, so
/// that a wait always ends.
struct PublishUnit {
    PublishUnit() = default;
    PublishUnit(const PublishUnit&) = delete;
    PublishUnit& operator=(const PublishUnit&) = delete;
    ~PublishUnit() {
        if (ticket) {
            answer(Failure{errc::closed, "the queue's connection was closed"});
        }
    }
    /// Tells this one caller, at once.
    void answer(Result<PublishReply> result) {
        const auto told = std::exchange(ticket, nullptr);
        told->keep(std::move(result));
        told->round()->answered.notify_all();
    }

    std::vector<NewEvent> events;
    std::size_t bytes = 0;
    std::string dedup_key = {};  // empty: none
    std::chrono::milliseconds dedup_window{0};
    std::chrono::steady_clock::time_point deadline;
    std::shared_ptr<PublishTicket> ticket = {};  // none: answered
};

}  // namespace eventy::detail
