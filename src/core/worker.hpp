// The worker of one group in this process: takes events, has them run, settles them, keeps their leases.
#pragma once
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/delivery.hpp"
#include "core/group_commit.hpp"
#include "core/group_subscribers.hpp"
#include "core/job.hpp"
#include "core/lease_calls.hpp"
#include "core/queue_context.hpp"

namespace eventy::detail {

/// Does what Delivery says. Lives on the I/O thread but for the JobHost's part and the functions that say so.
class Worker final : public JobHost, public std::enable_shared_from_this<Worker> {
public:
    /// From any thread. `queue` stands for the queue in RunningScope.
    Worker(std::shared_ptr<QueueContext>, std::string group, const void* queue);
    ~Worker() override;
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// From any thread; `subscriptions_changed` must follow on the I/O thread.
    void add(std::shared_ptr<SubscriptionState> subscription, SubscriberInfo info) {
        subscribers_.add(std::move(subscription), std::move(info));
    }
    void remove(const std::string& id) { subscribers_.remove(id); }
    void subscriptions_changed();

    /// The connection was lost and is back.
    void reconnected();

    /// Takes nothing more, hands back what has not begun. `handlers_ended` once none runs, `drained` once every outcome
    /// is stored as well; each called once, later or from within.
    void stop(std::function<void()> handlers_ended, std::function<void()> drained);
    void request_stop_of_running();

    /// How many outcomes are not stored yet.
    std::size_t unsettled() const { return delivery_.held(); }

    // JobHost, on the handlers' threads:
    std::vector<std::shared_ptr<SubscriptionState>> subscriptions() const override { return subscribers_.states(); }
    void report(JobReport) override;
    std::optional<milliseconds> next_attempt_after(int attempt, std::string& error) const override;
    void extend(Lease lease, milliseconds time) override { extend_lease(context_, group_, lease, time); }
    void report_progress(Lease lease, double fraction, std::string note) override {
        store_progress(context_, group_, lease, fraction, std::move(note));
    }
    const std::string& worker_id() const override { return context_->worker_id; }
    const void* queue() const override { return queue_; }

private:
    using LeaseKey = std::pair<EventId, std::int64_t>;
    struct Finished {
        Lease lease;
        Verdict verdict;
        std::string error;
        milliseconds delay{0};
        SteadyTime started{}, finished{};
    };
    static LeaseKey key(Lease lease) { return {lease.id, lease.epoch}; }

    void pump();
    void ask_for_thread(int used_by_others);
    void release_threads_of_a_slow_take();
    void pass_on_unless_taking();
    void take(int count);
    void on_taken(SteadyTime sent, TakeReply);
    void submit(const std::vector<std::shared_ptr<Job>>&);
    void hand_back_unstarted(SteadyTime made_until = SteadyTime::max());
    void arm_hand_timer();
    void note_slow_handlers();
    void on_reports();
    void settle(Finished);
    void send_settlements(std::vector<Finished>);
    void on_settled(const std::vector<Finished>&, Result<StillHeld>);
    void follow_wait();
    void renew_if_due();
    void on_renewed(SteadyTime sent, const std::vector<Lease>&, const StillHeld&);
    void lose(Lease);
    void linger(const std::shared_ptr<Job>&);
    void arm_renewal_timer();
    void time_out_handlers();
    void arm_handler_timer();
    void arm_due_timer();
    void upkeep();
    void on_looked(const UpkeepReply&);
    void arm_upkeep_timer();
    void tell_progress_of_stop();
    void forget_subscribers(std::vector<std::string> ids);
    /// In place of what the timer was set to; not once the store is gone.
    void ring_at(boost::asio::steady_timer&, SteadyTime, void (*ring)(Worker&));
    void log_failure(const char* doing, const Failure&);

    std::shared_ptr<QueueContext> context_;
    std::string group_;
    const void* queue_;

    GroupSubscribers subscribers_;
    std::mutex mutex_;
    std::vector<JobReport> reports_;  // from the handlers' threads, guarded by the mutex

    Delivery delivery_;
    std::map<LeaseKey, std::shared_ptr<Job>> jobs_;  // taken and not reported yet
    std::map<LeaseKey, std::shared_ptr<Job>> deferred_;
    std::deque<std::shared_ptr<Job>> in_hand_;  // in the order of their takes; those in front wait for a thread
    std::set<std::shared_ptr<Job>> lingering_;  // their events are settled or lost, and their handlers still run
    GroupCommit<Finished> settlements_;
    std::vector<Finished> to_retry_;
    boost::asio::steady_timer upkeep_timer_, renewal_timer_, handler_timer_, due_timer_, hand_timer_;
    bool upkeep_running_ = false, renewal_timer_set_ = false, handler_timer_set_ = false, hand_timer_set_ = false,
         waiting_ = false, asks_for_thread_ = false, stopped_ = false;
    SteadyTime take_sent_{};
    std::optional<SteadyTime> due_timer_at_;
    std::int64_t leases_revoked_ = 0;  // of all workers, when we last looked
    int removals_ = 0;                 // of subscribers, on their way
    std::string last_failure_;         // so that a lasting one is not logged every second
    std::function<void()> on_handlers_ended_, on_drained_;
};

}  // namespace eventy::detail
