// How a worker gets threads for its events, and what it does with those that it has taken and no thread for.
#include <utility>
#include <vector>

#include "base/io_thread.hpp"
#include "core/worker.hpp"

namespace eventy::detail {

namespace {

// Ten times what is taken ahead; a worker that has a thread for it could have had it long ago.
constexpr auto longest_wait_in_hand = milliseconds(200);
// Threads that are kept for longer than that, for a take without an answer, are others' again.
constexpr auto longest_kept = milliseconds(500);

}  // namespace

/// Other queues and groups may share the threads. What is taken while none is free would lie here while another process
/// is idle; and whoever waits for a thread gets one when it is its turn, however much work the others have.
void Worker::ask_for_thread(int used_by_others) {
    if (!delivery_.taking()) {
        context_->pool->release(this);
    }
    if (asks_for_thread_ || !delivery_.wants_thread()) {
        return;
    }
    asks_for_thread_ = true;
    context_->pool->ask(this, used_by_others, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->context_->backend->io().post([self] {
                self->asks_for_thread_ = false;
                self->pump();
            });
        }
    });
}

void Worker::release_threads_of_a_slow_take() {
    if (delivery_.taking() && std::chrono::steady_clock::now() - take_sent_ > longest_kept) {
        context_->pool->release(this);
    }
}

void Worker::submit(const std::vector<std::shared_ptr<Job>>& jobs) {
    std::vector<HandlerPool::Work> work;
    work.reserve(jobs.size());
    for (const auto& job : jobs) {
        work.emplace_back([job] { job->run(); });
        in_hand_.push_back(job);
    }
    if (!work.empty()) {
        context_->pool->submit(this, std::move(work));
    }
}

void Worker::hand_back_unstarted(SteadyTime made_until) {
    const auto now = std::chrono::steady_clock::now();
    std::vector<Lease> unstarted;
    for (const auto& [lease, job] : jobs_) {
        if (job->made() <= made_until && job->cancel()) {
            unstarted.push_back(job->lease());
        }
    }
    for (const auto& lease : unstarted) {
        settle({.lease = lease, .verdict = Verdict::handed_back, .error = {}, .started = now, .finished = now});
    }
}

/// After quick events came a slow one: what was taken ahead lies behind it, and another worker may be idle.
void Worker::arm_hand_timer() {
    while (!in_hand_.empty() && !in_hand_.front()->waits()) {
        in_hand_.pop_front();
    }
    if (hand_timer_set_ || in_hand_.empty()) {
        return;
    }
    hand_timer_set_ = true;
    ring_at(hand_timer_, in_hand_.front()->made() + longest_wait_in_hand, [](Worker& self) {
        self.hand_timer_set_ = false;
        self.note_slow_handlers();
        self.hand_back_unstarted(std::chrono::steady_clock::now() - longest_wait_in_hand);
        self.pump();
    });
}

void Worker::note_slow_handlers() {
    const auto now = std::chrono::steady_clock::now();
    for (const auto& [lease, job] : jobs_) {
        if (const auto started = job->started()) {
            delivery_.still_running(now - *started);
        }
    }
}

}  // namespace eventy::detail
