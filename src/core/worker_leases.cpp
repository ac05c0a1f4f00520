// How a worker keeps its leases, and what happens to handlers that lose theirs or run too long.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "core/worker.hpp"

namespace eventy::detail {

void Worker::arm_renewal_timer() {
    // What is taken while it is set is due later than what it is set for.
    const auto next = renewal_timer_set_ ? std::nullopt : delivery_.next_renewal_at();
    if (next) {
        renewal_timer_set_ = true;
        ring_at(renewal_timer_, *next, [](Worker& self) {
            self.renewal_timer_set_ = false;
            self.renew_if_due();
            self.arm_renewal_timer();
        });
    }
}

void Worker::renew_if_due() {
    const auto now = std::chrono::steady_clock::now();
    auto leases = delivery_.next_renewal(now);
    if (leases.empty() || !context_->store) {
        return;
    }
    RenewRequest request{.group = group_, .lease = context_->settings.lease, .leases = leases};
    context_->store->renew(std::move(request),
                           [weak = weak_from_this(), now, leases = std::move(leases)](const Result<StillHeld>& result) {
                               const auto self = weak.lock();
                               if (!self) {
                                   return;
                               }
                               if (result) {
                                   self->on_renewed(now, leases, result.value());
                               } else {
                                   self->delivery_.renewal_failed(std::chrono::steady_clock::now());
                                   self->log_failure("cannot renew leases of", result.failure());
                               }
                               self->renew_if_due();
                               self->pump();
                           });
}

void Worker::on_renewed(SteadyTime sent, const std::vector<Lease>& leases, const StillHeld& still_held) {
    for (const auto& lease : delivery_.renewed(sent, leases, still_held)) {
        lose(lease);
    }
    std::vector<std::shared_ptr<Job>> again;
    for (const auto& lease : leases) {
        const auto job = jobs_.find(key(lease));
        if (job == jobs_.end() || !delivery_.holds(lease)) {
            continue;
        }
        job->second->set_lease_until(*delivery_.lease_until(lease));
        if (deferred_.erase(key(lease)) > 0) {
            again.push_back(job->second);
        }
    }
    submit(again);
}

void Worker::lose(Lease lease) {
    const auto job = jobs_.find(key(lease));
    if (job == jobs_.end()) {
        return;
    }
    log(LogLevel::warning, "the lease of event " + std::to_string(lease.id) + " of " + context_->describe() +
                               " was lost; its handler is asked to stop");
    if (!job->second->cancel()) {
        linger(job->second);
    }
    deferred_.erase(key(lease));
    jobs_.erase(job);
}

/// Its handlers run, and whatever they do has no effect any more.
void Worker::linger(const std::shared_ptr<Job>& job) {
    lingering_.insert(job);
    delivery_.lingering();
    job->request_stop();
}

void Worker::arm_handler_timer() {
    const auto timeout = context_->settings.handler_timeout;
    if (handler_timer_set_ || timeout == milliseconds(0) || jobs_.empty()) {
        return;
    }
    handler_timer_set_ = true;
    const auto step = std::clamp(timeout / 10, milliseconds(5), milliseconds(1000));
    ring_at(handler_timer_, std::chrono::steady_clock::now() + step, [](Worker& self) {
        self.handler_timer_set_ = false;
        self.on_reports();  // who ended in time has not failed, however late we are
        self.time_out_handlers();
        self.pump();
    });
}

/// The attempt counts as failed now: a handler that never returns must not keep its event for ever.
void Worker::time_out_handlers() {
    const auto timeout = context_->settings.handler_timeout;
    const auto now = std::chrono::steady_clock::now();
    std::vector<std::shared_ptr<Job>> late;
    for (const auto& [lease, job] : jobs_) {
        const auto started = job->started();
        if (started && *started + timeout <= now) {
            late.push_back(job);
        }
    }
    for (const auto& job : late) {
        std::string error =
            "the handler ran longer than the handler_timeout of " + std::to_string(timeout.count()) + " ms";
        log(LogLevel::warning, "event " + std::to_string(job->lease().id) + " of " + context_->describe() + ": " +
                                   error + "; the attempt has failed, and its handler is asked to stop");
        const auto wait = next_attempt_after(job->attempt(), error);
        linger(job);
        settle({.lease = job->lease(),
                .verdict = wait ? Verdict::retry : Verdict::failed,
                .error = std::move(error),
                .delay = wait.value_or(milliseconds(0)),
                .started = *job->started(),
                .finished = now});
    }
}

}  // namespace eventy::detail
