// Group commit of publishes.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/group_commit.hpp"
#include "core/queue_context.hpp"

namespace eventy::detail {

/// One user's call. Its events stay together and in order.
struct PublishUnit {
    std::vector<NewEvent> events;
    std::size_t bytes = 0;
    std::string dedup_key;  // empty: none
    milliseconds dedup_window{0};
    std::chrono::steady_clock::time_point deadline;
    Callback<PublishReply> done;
    std::atomic<bool> abandoned{false};  // its caller has given up; do not send it if it is still here
};

/// `publish` from any thread; the rest on the I/O thread.
class Publisher : public std::enable_shared_from_this<Publisher> {
public:
    explicit Publisher(std::shared_ptr<QueueContext>);
    void publish(std::shared_ptr<PublishUnit>);
    /// Puts the type into the registry, once.
    void register_type();
    /// As if never registered: the server may have lost it.
    void forget_registration() { type_added_ = false; }
    /// Calls back once, when nothing is on its way, now or later.
    void when_idle(std::function<void()>);

private:
    using Batch = std::vector<std::shared_ptr<PublishUnit>>;
    void collect();
    void send_next();
    void send(Batch);
    void tell_if_idle();
    static void answer(const Batch&, const Result<PublishReply>&);

    std::shared_ptr<QueueContext> context_;
    std::mutex mutex_;
    Batch inbox_;
    GroupCommit<std::shared_ptr<PublishUnit>> batches_{
        {.items = 250, .bytes = std::size_t{4} * 1024 * 1024, .in_flight = 2}};
    bool type_added_ = false;
    std::function<void()> on_idle_;
};

}  // namespace eventy::detail
