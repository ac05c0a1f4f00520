// For tests of programs that use the library: what a handler is called with.
#pragma once
#include <chrono>
#include <cstdint>
#include <eventy/context.hpp>
#include <exception>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eventy {
namespace testing {

/// A Context without a queue: says what you set and records what the handler tells. One thread at a time, but for the
/// stop token.
///
///     eventy::testing::TestContext context;
///     context.set_attempt(3);
///     handler.on_event(event, context);
///     EXPECT_EQ(context.progress().back().fraction, 1.0);
class TestContext final : public Context {
public:
    struct Progress {
        double fraction = 0;
        std::string note = {};
    };

    std::stop_token stop_token() const override { return stop_.get_token(); }
    std::int64_t epoch() const override { return epoch_; }
    int attempt() const override { return attempt_; }
    const std::string& worker_id() const override { return worker_id_; }
    void extend(milliseconds duration) override {
        throw_if_failing();
        extensions_.push_back(duration);
    }
    void report_progress(double fraction, std::string_view note = {}) override {
        throw_if_failing();
        progress_.push_back({fraction, std::string(note)});
    }

    void set_epoch(std::int64_t epoch) { epoch_ = epoch; }
    void set_attempt(int attempt) { attempt_ = attempt; }
    void set_worker_id(std::string worker_id) { worker_id_ = std::move(worker_id); }
    /// As when the lease is lost or the queue closes.
    void request_stop() { stop_.request_stop(); }
    /// From now on `extend` and `report_progress` throw this, such as
    /// `std::make_exception_ptr(LeaseLost(errc::lease_lost, "taken by another worker"))`; nullptr: no longer.
    void fail_with(std::exception_ptr error) { error_ = std::move(error); }

    /// What `extend` was called with, in order.
    const std::vector<milliseconds>& extensions() const { return extensions_; }
    /// What was reported, in order.
    const std::vector<Progress>& progress() const { return progress_; }

private:
    void throw_if_failing() const {
        if (error_) {
            std::rethrow_exception(error_);
        }
    }

    std::int64_t epoch_ = 1;
    int attempt_ = 1;
    std::string worker_id_ = "test-worker";
    std::stop_source stop_;
    std::exception_ptr error_;
    std::vector<milliseconds> extensions_;
    std::vector<Progress> progress_;
};

}  // namespace testing

using testing::TestContext;

}  // namespace eventy
