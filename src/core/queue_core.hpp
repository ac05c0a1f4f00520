// One open queue: users' threads on one side, the I/O thread on the other.
#pragma once
#include <atomic>
#include <condition_variable>
#include <eventy/detail/queue.hpp>
#include <eventy/subscriber.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/answer.hpp"
#include "core/publisher.hpp"
#include "core/queue_context.hpp"
#include "core/worker.hpp"

namespace eventy::detail {

/// Thread-safe, but for what says that it belongs to the I/O thread.
class QueueCore : public std::enable_shared_from_this<QueueCore> {
public:
    explicit QueueCore(std::shared_ptr<QueueContext>);
    ~QueueCore();
    QueueCore(const QueueCore&) = delete;
    QueueCore& operator=(const QueueCore&) = delete;

    /// `Queue::open`; `pool`: shared with other queues, or none for one of its own.
    static std::shared_ptr<QueueCore> open(std::shared_ptr<Backend>, QueueSettings, std::type_index payload_type,
                                           std::shared_ptr<HandlerPool> pool);

    const QueueContext& context() const { return *context_; }
    std::vector<Receipt> publish(std::vector<std::string> payloads, const PublishOptions&);
    std::vector<std::optional<RawEvent>> get(std::span<const EventId>);
    RawPage search(const EventFilter&, const PageRequest&);
    std::int64_t count(const EventFilter&);
    QueueStats stats(bool by_status = true);
    std::vector<ByHand> retry(std::vector<EventId>, bool delayed_too);
    std::vector<ByHand> discard(std::vector<EventId>);
    /// Into the registry; waits for it unless the queue connects lazily.
    void register_type();
    std::vector<SubscriberInfo> subscribers();
    std::optional<SubscriberInfo> subscriber(std::string_view id);
    bool wait_idle(milliseconds);

    Subscription subscribe(std::vector<RawHandler>, const SubscribeOptions&);
    bool unsubscribe(std::string_view id);
    /// `on_gap` may be empty.
    Subscription watch(std::function<void(const EventNotice&)>, std::function<void()> on_gap);

    /// False in a child that was forked since: there it must be neither used nor destroyed.
    bool is_at_home() const;
    bool close(milliseconds timeout);
    /// True in a handler or watcher of this queue, for which `close` would wait.
    bool runs_on_this_thread() const;
    /// From the last handle's destructor: waits for handlers unless in one of them, and for Redis no longer than a
    /// moment.
    void last_handle_gone();

private:
    /// How far the end has come.
    struct Ending {
        std::mutex mutex;
        std::condition_variable changed;
        bool handlers_ended = false;
        bool released = false;  // the I/O thread holds nothing of this queue any more
    };

    void require_open(const char* doing) const;
    [[noreturn]] void throw_closed(const char* doing) const;
    bool idle();
    /// Runs `start(store, deadline, callback)` on the I/O thread.
    template <class R, class F>
    R call(const char* doing, F start);
    void wait_for_watch(std::function<void(Store&, Callback<Done>)> start);
    std::shared_ptr<Worker> worker_of(const std::string& group);
    void forget(const std::string& id);
    void begin_close();
    // On the I/O thread:
    void start();
    void stop_workers();
    void on_handlers_ended();
    void on_drained();
    void release_store();
    std::vector<std::shared_ptr<Worker>> workers();

    std::shared_ptr<QueueContext> context_;
    std::shared_ptr<Publisher> publisher_;
    std::atomic<bool> closed_{false};
    std::shared_ptr<Ending> ending_ = std::make_shared<Ending>();
    int workers_running_ = 0, workers_undrained_ = 0;  // I/O thread
    std::atomic<std::uint64_t> next_watch_{1};

    std::mutex mutex_;  // of those below; `closed_` is set with it held, and nothing is added once it is
    std::map<std::string, std::shared_ptr<Worker>> workers_;
    std::map<std::string, std::shared_ptr<SubscriptionState>, std::less<>> subscriptions_;
};

}  // namespace eventy::detail
