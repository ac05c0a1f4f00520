// Group commit of publishes.
#pragma once
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/group_commit.hpp"
#include "core/publish_unit.hpp"
#include "core/queue_context.hpp"

namespace eventy::detail {

/// While the server is away, publishes wait here, unsent and within `publish_buffer_bytes`, each up to its deadline, so
/// that it can be said of each that it was never sent. `publish` and `longest_call` from any thread; the rest on the
/// I/O thread.
class Publisher : public std::enable_shared_from_this<Publisher> {
public:
    explicit Publisher(std::shared_ptr<QueueContext>);
    /// How long a call may take.
    milliseconds longest_call() const;
    /// Gives the unit its ticket, for the caller to wait with.
    std::shared_ptr<PublishTicket> publish(std::unique_ptr<PublishUnit>);
    /// The server came or went.
    void presence_changed() { send_next(); }
    /// The queue ends: what waits is answered now.
    void store_is_gone() { send_next(); }
    /// Puts the type into the registry, once.
    void register_type();
    /// As if never registered: the server may have lost it.
    void forget_registration() { type_added_ = false; }
    /// Calls back once, when nothing is on its way, now or later.
    void when_idle(std::function<void()>);

private:
    using Unit = std::unique_ptr<PublishUnit>;
    using Batch = std::vector<Unit>;
    void collect();
    bool has_room_for(const PublishUnit&) const;
    void send_next();
    void send(Batch);
    void send_batch();
    void give_up_the_late();
    void refuse_waiting(const Failure&);
    void finish(PublishUnit&, Result<PublishReply>);
    void arm_timer();
    void tell_if_idle();
    bool is_away() const;
    std::string trouble() const;
    static void answer(Batch&, const Result<PublishReply>&);

    std::shared_ptr<QueueContext> context_;
    std::mutex mutex_;
    Batch inbox_;
    std::shared_ptr<PublishRound> round_;  // of what is in the inbox
    static constexpr std::size_t most_in_batch = 250;
    GroupCommit<Unit> batches_{{.items = most_in_batch, .bytes = std::size_t{4} * 1024 * 1024, .in_flight = 2}};
    std::size_t unanswered_bytes_ = 0;
    boost::asio::steady_timer timer_;  // of the oldest that waits
    bool timer_armed_ = false;
    bool type_added_ = false;
    std::function<void()> on_idle_;
};

}  // namespace eventy::detail
