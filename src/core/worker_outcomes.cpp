// From what a handler did to what is stored of it.
#include <algorithm>
#include <utility>
#include <vector>

#include "base/io_thread.hpp"
#include "base/log.hpp"
#include "core/retry_decision.hpp"
#include "core/worker.hpp"

namespace eventy::detail {

void Worker::report(JobReport report) {
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        first = reports_.empty();
        reports_.push_back(std::move(report));
    }
    if (first) {
        context_->backend->io().post([self = shared_from_this()] { self->on_reports(); });
    }
}

void Worker::on_reports() {
    std::vector<JobReport> reports;
    {
        const std::lock_guard lock(mutex_);
        reports.swap(reports_);
    }
    for (auto& report : reports) {
        const Lease lease = report.job->lease();
        if (lingering_.erase(report.job) > 0) {
            delivery_.lingering_ended();  // whatever it did, its outcome is stored or somebody else's
        } else if (!delivery_.holds(lease)) {
            continue;  // lost before it began
        } else if (report.deferred) {
            deferred_.emplace(key(lease), report.job);
        } else {
            settle({.lease = lease,
                    .verdict = report.verdict,
                    .error = std::move(report.error),
                    .delay = report.delay,
                    .started = report.started,
                    .finished = report.finished});
        }
    }
    pump();
}

std::optional<milliseconds> Worker::next_attempt_after(int attempt, std::string& error) const {
    return detail::next_attempt_after(context_->settings.retry, attempt, error, random_share());
}

void Worker::settle(Finished finished) {
    jobs_.erase(key(finished.lease));
    deferred_.erase(key(finished.lease));
    if (finished.verdict != Verdict::handed_back) {
        delivery_.finished(finished.lease, finished.finished - finished.started);
    } else {
        delivery_.given_back(finished.lease);
    }
    const std::size_t bytes = finished.error.size() + 64;
    settlements_.add(std::move(finished), 1, bytes);
}

void Worker::send_settlements(std::vector<Finished> batch) {
    const auto now = std::chrono::steady_clock::now();
    const auto ago = [now](SteadyTime t) { return std::chrono::duration_cast<std::chrono::microseconds>(now - t); };
    SettleRequest request{.group = group_, .worker_id = context_->worker_id, .ttl = context_->settings.event_ttl};
    request.settlements.reserve(batch.size());
    for (const auto& finished : batch) {
        request.settlements.push_back({.lease = finished.lease,
                                       .verdict = finished.verdict,
                                       .error = finished.error,
                                       .started_ago = ago(finished.started),
                                       .finished_ago = ago(finished.finished),
                                       .delay = finished.delay});
    }
    context_->store->settle(std::move(request),
                            [weak = weak_from_this(), batch = std::move(batch)](Result<StillHeld> result) {
                                if (const auto self = weak.lock()) {
                                    self->settlements_.answered();
                                    self->on_settled(batch, std::move(result));
                                    self->pump();
                                }
                            });
}

void Worker::on_settled(const std::vector<Finished>& batch, Result<StillHeld> result) {
    if (!result) {
        log_failure("cannot store outcomes of", result.failure());
        to_retry_.insert(to_retry_.end(), batch.begin(), batch.end());
        return;
    }
    const auto& accepted = result.value();
    const auto now = std::chrono::steady_clock::now();  // not before the server's clock read the delays
    for (std::size_t i = 0; i < batch.size(); ++i) {
        delivery_.settled(batch[i].lease);
        if ((i >= accepted.size() || !accepted[i]) && batch[i].verdict != Verdict::handed_back) {
            log(LogLevel::warning, "the lease of event " + std::to_string(batch[i].lease.id) + " of " +
                                       context_->describe() +
                                       " was lost before its outcome could be stored; another worker has it, or it "
                                       "was discarded");
        } else if (batch[i].verdict == Verdict::retry) {
            delivery_.due_at(now + batch[i].delay);
        }
    }
}

}  // namespace eventy::detail
