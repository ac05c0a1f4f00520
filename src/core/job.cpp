#include "core/job.hpp"

#include <exception>
#include <utility>

#include "core/running_scope.hpp"

namespace eventy::detail {

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

std::string call_one(const RawHandler& handler, const RawEvent& event, std::shared_ptr<void>& decoded,
                     Context& context) {
    try {
        handler(event, decoded, context);
        return {};
    } catch (const HandBack&) {
        throw;
    } catch (const std::exception& error) {
        const std::string what = error.what();
        return what.empty() ? "the handler threw an exception without words" : what;
    } catch (...) {
        return "the handler threw something that is no std::exception";
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
    for (const auto& subscription : host_->subscriptions()) {
        const GatePass pass(subscription->gate());
        if (!pass.entered()) {
            continue;
        }
        met_somebody = true;
        for (const auto& handler : subscription->handlers()) {
            std::string error;
            try {
                error = call_one(handler, raw, decoded, context);
            } catch (const HandBack&) {
                report.verdict = Verdict::handed_back;
                report.error.clear();
                return;
            }
            if (!error.empty()) {
                report.verdict = Verdict::failed;
                report.error += report.error.empty() ? error : "; " + error;
            }
            if (!decoded) {
                return;  // the payload could not be read: it will not be readable to the next one either
            }
        }
    }
    if (!met_somebody) {
        report.verdict = Verdict::handed_back;
    }
}

}  // namespace eventy::detail
