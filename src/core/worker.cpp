#include "core/worker.hpp"

#include <algorithm>
#include <utility>

#include "base/io_thread.hpp"
#include "base/log.hpp"
#include "core/retry_decision.hpp"

namespace eventy::detail {

namespace {

constexpr auto look_interval = std::chrono::seconds(1);
// Two looks may be missed before a subscriber counts as gone.
constexpr auto subscriber_ttl = milliseconds(3500);
constexpr int most_events_a_take = 1000;
constexpr std::int64_t most_bytes_a_take = std::int64_t{16} * 1024 * 1024;

Delivery::Settings delivery_settings(const QueueContext& context) {
    const SteadyDuration lease = context.settings.lease;
    return {.concurrency = context.pool->size(),
            .lease = lease,
            .drain_after = std::chrono::duration_cast<SteadyDuration>(lease * (1 + random_share()))};
}

}  // namespace

Worker::Worker(std::shared_ptr<QueueContext> context, std::string group, const void* queue)
    : context_(std::move(context)),
      group_(std::move(group)),
      queue_(queue),
      delivery_(delivery_settings(*context_)),
      settlements_({.items = 500, .bytes = std::size_t{4} * 1024 * 1024}),
      upkeep_timer_(context_->backend->io().context()),
      renewal_timer_(context_->backend->io().context()),
      handler_timer_(context_->backend->io().context()),
      due_timer_(context_->backend->io().context()),
      hand_timer_(context_->backend->io().context()) {}

Worker::~Worker() { context_->pool->leave(this); }

// -- subscriptions ---------------------------------------------------------------------------------------------------

void Worker::subscriptions_changed() {
    auto ended = subscribers_.take_ended();
    if (!context_->store || stopped_) {
        return;
    }
    forget_subscribers(std::move(ended));
    if (subscribers_.any()) {
        if (!delivery_.active()) {
            delivery_.start();
        }
        upkeep();
        arm_upkeep_timer();
    } else if (delivery_.active()) {
        delivery_.stop();
        hand_back_unstarted();
    }
    pump();
}

void Worker::forget_subscribers(std::vector<std::string> ids) {
    if (ids.empty() || !context_->store) {
        return;
    }
    ++removals_;
    context_->store->remove_subscribers(std::move(ids), [weak = weak_from_this()](const Result<Done>&) {
        // Should it have failed: the records end by themselves soon, with their heartbeat.
        if (const auto self = weak.lock()) {
            --self->removals_;
            self->tell_progress_of_stop();
        }
    });
}

// -- the loop --------------------------------------------------------------------------------------------------------

void Worker::pump() {
    if (!context_->store) {
        return;
    }
    const int used_by_others = context_->pool->used_by_others(this);
    delivery_.busy_elsewhere(used_by_others);
    if (const int count = delivery_.next_take(); count > 0) {
        take(count);
    }
    if (auto batch = settlements_.next(); !batch.empty()) {
        send_settlements(std::move(batch));
    }
    follow_wait();
    ask_for_thread(used_by_others);
    arm_renewal_timer();
    arm_handler_timer();
    arm_due_timer();
    arm_hand_timer();
    tell_progress_of_stop();
}

void Worker::follow_wait() {
    const bool wants = delivery_.wants_wait();
    if (wants == waiting_) {
        return;
    }
    waiting_ = wants;
    if (wants) {
        context_->store->wait(group_, [weak = weak_from_this()] {
            if (const auto self = weak.lock()) {
                self->delivery_.look();
                self->pump();
                self->pass_on_unless_taking();
            }
        });
    } else {
        context_->store->stop_waiting(group_);
    }
}

void Worker::reconnected() {
    delivery_.reconnected();
    renew_if_due();
    upkeep();
    pump();
}

void Worker::ring_at(boost::asio::steady_timer& timer, SteadyTime time, void (*ring)(Worker&)) {
    timer.expires_at(time);  // ends the wait before
    timer.async_wait([weak = weak_from_this(), ring](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (self && !error && self->context_->store) {
            ring(*self);
        }
    });
}

void Worker::log_failure(const char* doing, const Failure& failure) {
    const std::string message = std::string(doing) + " " + context_->describe() + ", group " + group_ + ": " +
                                failure.message + "; the worker tries again";
    if (message != last_failure_) {
        log(LogLevel::warning, message);
        last_failure_ = message;
    }
}

// -- taking ----------------------------------------------------------------------------------------------------------

void Worker::take(int count) {
    const auto sent = std::chrono::steady_clock::now();
    take_sent_ = sent;
    context_->pool->keep(this, count);
    context_->store->take({.group = group_,
                           .max = std::min(count, most_events_a_take),
                           .max_bytes = most_bytes_a_take,
                           .lease = context_->settings.lease,
                           .ttl = context_->settings.event_ttl,
                           .worker_id = context_->worker_id,
                           .max_lost_leases = context_->settings.retry.max_lost_leases,
                           .holding = static_cast<int>(delivery_.held())},
                          [weak = weak_from_this(), sent](Result<TakeReply> reply) {
                              const auto self = weak.lock();
                              if (!self) {
                                  return;
                              }
                              if (reply) {
                                  self->last_failure_.clear();
                                  self->on_taken(sent, std::move(reply.value()));
                              } else {
                                  self->delivery_.take_failed();
                                  self->log_failure("cannot take events of", reply.failure());
                              }
                              self->pump();
                          });
}

void Worker::on_taken(SteadyTime sent, TakeReply reply) {
    for (const auto& refused : reply.refused) {
        log(LogLevel::warning, "event " + std::to_string(refused.id) + " of " + context_->describe() +
                                   " cannot be delivered and is ERROR now: " + refused.reason);
    }
    if (reply.expired > 0) {
        log(LogLevel::info, std::to_string(reply.expired) + " events of " + context_->describe() +
                                " expired before group " + group_ + " had processed them");
    }
    std::vector<Lease> leases;
    std::vector<std::shared_ptr<Job>> jobs;
    leases.reserve(reply.events.size());
    jobs.reserve(reply.events.size());
    for (auto& event : reply.events) {
        jobs.push_back(std::make_shared<Job>(std::move(event), reply.epoch, shared_from_this()));
        jobs.back()->set_lease_until(sent + context_->settings.lease);
        leases.push_back(jobs.back()->lease());
        jobs_.emplace(key(leases.back()), jobs.back());
    }
    delivery_.taken(sent, leases, reply.more, reply.alone, reply.alone_left);
    if (delivery_.active()) {
        submit(jobs);
    } else {
        hand_back_unstarted();
    }
}

// -- times -----------------------------------------------------------------------------------------------------------

void Worker::arm_due_timer() {
    const auto next = delivery_.next_due();
    if (next == due_timer_at_) {
        return;
    }
    due_timer_at_ = next;
    due_timer_.cancel();
    if (!next) {
        return;
    }
    ring_at(due_timer_, *next, [](Worker& self) {
        self.due_timer_at_.reset();
        const bool due = self.delivery_.come_due(std::chrono::steady_clock::now());
        self.pump();
        if (due) {
            self.pass_on_unless_taking();
        }
    });
}

/// No room here: somebody else may have some.
void Worker::pass_on_unless_taking() {
    if (!delivery_.taking() && context_->store) {
        context_->store->nudge(group_);
    }
}

// -- once a second ---------------------------------------------------------------------------------------------------

void Worker::upkeep() {
    if (upkeep_running_ || !context_->store) {
        return;
    }
    upkeep_running_ = true;
    UpkeepRequest request{.group = group_, .alive = subscribers_.infos(), .subscriber_ttl = subscriber_ttl};
    context_->store->upkeep(std::move(request), [weak = weak_from_this()](const Result<UpkeepReply>& reply) {
        const auto self = weak.lock();
        if (!self) {
            return;
        }
        self->upkeep_running_ = false;
        if (reply) {
            self->on_looked(reply.value());
        } else {
            self->log_failure("cannot look after", reply.failure());
        }
    });
}

void Worker::on_looked(const UpkeepReply& found) {
    if (std::exchange(leases_revoked_, found.leases_revoked) != found.leases_revoked) {
        delivery_.leases_revoked();  // maybe one of ours: its handler must hear of that
        renew_if_due();
    }
    if (found.takeable) {
        delivery_.look();
        pump();
    }
}

void Worker::arm_upkeep_timer() {
    ring_at(upkeep_timer_, std::chrono::steady_clock::now() + look_interval, [](Worker& self) {
        self.delivery_.tick(std::chrono::steady_clock::now());
        self.note_slow_handlers();
        self.release_threads_of_a_slow_take();
        for (auto& finished : std::exchange(self.to_retry_, {})) {
            const std::size_t bytes = finished.error.size() + 64;
            self.settlements_.add(std::move(finished), 1, bytes);
        }
        self.upkeep();
        self.pump();
        if (self.delivery_.active() || self.delivery_.held() > 0) {
            self.arm_upkeep_timer();
        }
    });
}

// -- the end ---------------------------------------------------------------------------------------------------------

void Worker::stop(std::function<void()> handlers_ended, std::function<void()> drained) {
    stopped_ = true;
    on_handlers_ended_ = std::move(handlers_ended);
    on_drained_ = std::move(drained);
    delivery_.stop();
    context_->pool->leave(this);
    hand_back_unstarted();
    forget_subscribers(subscribers_.end_all());
    pump();
    tell_progress_of_stop();
}

void Worker::request_stop_of_running() {
    for (const auto& [lease, job] : jobs_) {
        job->request_stop();
    }
}

void Worker::tell_progress_of_stop() {
    if (on_handlers_ended_ && jobs_.empty() && lingering_.empty()) {
        std::exchange(on_handlers_ended_, nullptr)();
    }
    if (on_drained_ && !on_handlers_ended_ && delivery_.held() == 0 && !delivery_.taking() && removals_ == 0) {
        upkeep_timer_.cancel();
        renewal_timer_.cancel();
        handler_timer_.cancel();
        due_timer_.cancel();
        hand_timer_.cancel();
        std::exchange(on_drained_, nullptr)();
    }
}

}  // namespace eventy::detail
