// One leased event on its way through the handlers.
#pragma once
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/subscription.hpp"
#include "store/store.hpp"

namespace eventy::detail {

class Job;

/// How a job ended.
struct JobReport {
    std::shared_ptr<Job> job;
    Verdict verdict = Verdict::processed;
    std::string error = {};
    milliseconds delay{0};  // of Verdict::retry
    std::chrono::steady_clock::time_point started = {}, finished = {};
    bool deferred = false;  // not begun, because its lease may have run out: ask again once it is renewed
};

/// What jobs need of their worker, on the handlers' threads. Thread-safe.
class JobHost {
public:
    virtual ~JobHost() = default;
    /// In the order of subscription.
    virtual std::vector<std::shared_ptr<SubscriptionState>> subscriptions() const = 0;
    virtual void report(JobReport) = 0;
    /// What the retry policy says of a failed attempt; nullopt: give up. May add to the error.
    virtual std::optional<milliseconds> next_attempt_after(int attempt, std::string& error) const = 0;
    /// Wait for Redis; throw LeaseLost and what calls throw.
    virtual void extend(Lease, milliseconds) = 0;
    virtual void report_progress(Lease, double fraction, std::string note) = 0;
    virtual const std::string& worker_id() const = 0;
    virtual const void* queue() const = 0;
};

class Job : public std::enable_shared_from_this<Job> {
public:
    Job(StoredEvent event, std::int64_t epoch, std::shared_ptr<JobHost> host);

    Lease lease() const { return {event_.id, epoch_}; }
    int attempt() const { return event_.attempt; }

    /// On a handler's thread: calls the subscribers and reports. Does nothing when it was cancelled.
    void run();

    /// Whether it had not begun; then it never will.
    bool cancel();
    /// Neither begun nor cancelled.
    bool waits() const { return state_ == State::waiting; }
    /// The lease is lost, or the time for closing is up.
    void request_stop() { stop_.request_stop(); }
    void set_lease_until(std::chrono::steady_clock::time_point);
    std::chrono::steady_clock::time_point made() const { return made_; }
    /// When its handlers were first called; nothing before that.
    std::optional<std::chrono::steady_clock::time_point> started() const;
    std::stop_token stop_token() const { return stop_.get_token(); }

private:
    enum class State { waiting, running, cancelled };
    void call_subscribers(JobReport&);
    void decide(JobReport&, const struct HandlerOutcome&);

    StoredEvent event_;
    std::int64_t epoch_;
    std::shared_ptr<JobHost> host_;
    const std::chrono::steady_clock::time_point made_ = std::chrono::steady_clock::now();
    std::atomic<State> state_{State::waiting};
    std::atomic<std::chrono::steady_clock::time_point> lease_until_{}, started_{};
    std::stop_source stop_;
};

/// The event as the typed face reads it.
RawEvent to_raw_event(StoredEvent);

/// A JSON object of strings, or empty for none.
std::string headers_to_text(const std::map<std::string, std::string>&);

}  // namespace eventy::detail
