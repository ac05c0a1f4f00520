#include "core/job.hpp"

#include <algorithm>
#include <eventy/detail/words_of.hpp>
#include <exception>
#include <utility>

#include "core/retry_decision.hpp"
#include "core/running_scope.hpp"

namespace eventy::detail {

/// What the handlers of one event said together.
struct HandlerOutcome {
    std::string error = {};  // empty: all of them processed it
    bool handed_back = false, rejected = false;
    std::optional<milliseconds> retry_after = {};

    void add(const std::string& why, const char* if_empty) {
        error += (error.empty() ? "" : "; ") + (why.empty() ? std::string(if_empty) : why);
    }
};

namespace {

class HandlerContext final : public Context {
public:
    HandlerContext(Lease lease, int attempt, std::stop_token stop, JobHost& host)
        : lease_(lease), attempt_(attempt), stop_(std::move(stop)), host_(host) {}

    std::stop_token stop_token() const override { return stop_; }
    std::int64_t epoch() const override { return lease_.epoch; }
    int attempt() const override { return attempt_; }
    const std::string& worker_id() const override { return host_.worker_id(); }
    void extend(milliseconds time) override { host_.extend(lease_, time); }
    void report_progress(double fraction, std::string_view note) override {
        host_.report_progress(lease_, fraction, std::string(note));
    }

private:
    Lease lease_;
    int attempt_;
    std::stop_token stop_;
    JobHost& host_;
};

class GatePass {
public:
    explicit GatePass(Gate& gate) : gate_(gate), entered_(gate.enter()) {}
    ~GatePass() {
        if (entered_) {
            gate_.leave();
        }
    }
    GatePass(const GatePass&) = delete;
    GatePass& operator=(const GatePass&) = delete;
    bool entered() const { return entered_; }

private:
    Gate& gate_;
    bool entered_;
};

void call_one(const RawHandler& handler, const RawEvent& event, std::shared_ptr<void>& decoded, Context& context,
              HandlerOutcome& outcome) {
    try {
        handler(event, decoded, context);
    } catch (const HandBack&) {
        outcome.handed_back = true;
    } catch (const Retry& retry) {
        outcome.retry_after = std::max(outcome.retry_after.value_or(milliseconds(0)),
                                       std::clamp(retry.after, milliseconds(0), longest_backoff));
        outcome.add(retry.reason, "the handler asked for a retry");
    } catch (const Reject& reject) {
        outcome.rejected = true;
        outcome.add(reject.reason, "the handler rejected the event");
    } catch (const std::exception& error) {
        outcome.add(words_of(error), "the handler threw an exception without words");
    } catch (...) {
        outcome.add({}, "the handler threw something that is no std::exception");
    }
}

}  // namespace

Job::Job(StoredEvent event, std::int64_t epoch, std::shared_ptr<JobHost> host)
    : event_(std::move(event)), epoch_(epoch), host_(std::move(host)) {}

bool Job::cancel() {
    auto expected = State::waiting;
    return state_.compare_exchange_strong(expected, State::cancelled);
}

void Job::set_lease_until(std::chrono::steady_clock::time_point time) {
    lease_until_.store(time, std::memory_order_relaxed);
}

void Job::run() {
    JobReport report{.job = shared_from_this()};
    report.started = std::chrono::steady_clock::now();
    if (report.started >= lease_until_.load(std::memory_order_relaxed)) {
        report.deferred = true;
        host_->report(std::move(report));
        return;
    }
    auto expected = State::waiting;
    if (!state_.compare_exchange_strong(expected, State::running)) {
        return;
    }
    started_.store(report.started, std::memory_order_relaxed);
    call_subscribers(report);
    report.finished = std::chrono::steady_clock::now();
    host_->report(std::move(report));
}

void Job::call_subscribers(JobReport& report) {
    const RunningScope scope(host_->queue());
    HandlerContext context(lease(), attempt(), stop_.get_token(), *host_);
    const RawEvent raw = to_raw_event(std::move(event_));
    std::shared_ptr<void> decoded;
    bool met_somebody = false;
    HandlerOutcome outcome;
    for (const auto& subscription : host_->subscriptions()) {
        const GatePass pass(subscription->gate());
        if (!pass.entered()) {
            continue;
        }
        met_somebody = true;
        for (const auto& handler : subscription->handlers()) {
            call_one(handler, raw, decoded, context, outcome);
            if (!decoded && !outcome.handed_back) {
                outcome.rejected = true;  // the payload could not be read: the next one could not do it either
            }
            if (!decoded || outcome.handed_back) {
                decide(report, outcome);
                return;
            }
        }
    }
    outcome.handed_back = !met_somebody;
    decide(report, outcome);
}

void Job::decide(JobReport& report, const HandlerOutcome& outcome) {
    if (outcome.handed_back) {
        report.verdict = Verdict::handed_back;
        return;
    }
    if (outcome.error.empty()) {
        return;
    }
    report.verdict = Verdict::failed;
    report.error = outcome.error;
    const auto wait = outcome.rejected      ? std::nullopt
                      : outcome.retry_after ? outcome.retry_after
                                            : host_->next_attempt_after(attempt(), report.error);
    if (wait) {
        report.verdict = Verdict::retry;
        report.delay = *wait;
    }
}

std::optional<std::chrono::steady_clock::time_point> Job::started() const {
    const auto time = started_.load(std::memory_order_relaxed);
    return time == std::chrono::steady_clock::time_point() ? std::nullopt : std::optional(time);
}

}  // namespace eventy::detail
