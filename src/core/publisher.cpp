#include "core/publisher.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/io_thread.hpp"
#include "core/names.hpp"

namespace eventy::detail {

namespace {

// The words of every failed publish say whether the events may be there.
constexpr const char* never_sent = "not published, and never sent: ";

/// Tells each unit of a published batch what became of its events.
template <class Tell>
void share_out(const std::vector<std::unique_ptr<PublishUnit>>& batch, const PublishReply& all, Tell tell) {
    std::int64_t offset = 0;
    std::size_t with_word = 0;
    for (const auto& unit : batch) {
        const auto count = static_cast<std::int64_t>(unit->events.size());
        auto before = all.repeated.end();
        if (!unit->dedup_key.empty()) {
            const auto is_this = [number = with_word++](const auto& repeated) { return repeated.unit == number; };
            before = std::find_if(all.repeated.begin(), all.repeated.end(), is_this);
        }
        if (before == all.repeated.end()) {
            tell(*unit, PublishReply{all.first_id + offset, all.first_us + offset});
            offset += count;
        } else if (before->count == count) {
            tell(*unit, PublishReply{before->first_id, before->first_us, {*before}});
        } else {
            tell(*unit, Failure{errc::invalid_argument, "the dedup_key " + quoted(unit->dedup_key) + " was used for " +
                                                            std::to_string(before->count) + " events, not for " +
                                                            std::to_string(count)});
        }
    }
}

}  // namespace

Publisher::Publisher(std::shared_ptr<QueueContext> context)
    : context_(std::move(context)), timer_(context_->backend->io().context()) {}

milliseconds Publisher::longest_call() const {
    const auto configured = context_->settings.publish_timeout.value_or(milliseconds(0));
    return configured > milliseconds(0) ? configured : context_->backend->command_timeout();
}

std::shared_ptr<PublishTicket> Publisher::publish(std::unique_ptr<PublishUnit> unit) {
    std::shared_ptr<PublishTicket> ticket;
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        first = inbox_.empty();
        if (inbox_.size() % most_in_batch == 0) {
            round_ = std::make_shared<PublishRound>();
        }
        ticket = std::make_shared<PublishTicket>(round_);
        unit->ticket = ticket;
        inbox_.push_back(std::move(unit));
    }
    if (first) {
        context_->backend->io().post([self = shared_from_this()] { self->collect(); });
    }
    return ticket;
}

void Publisher::collect() {
    Batch arrived;
    {
        const std::lock_guard lock(mutex_);
        arrived.swap(inbox_);
    }
    for (auto& unit : arrived) {
        const std::size_t count = unit->events.size();
        const std::size_t bytes = unit->bytes;
        const bool fits = has_room_for(*unit);
        unanswered_bytes_ += bytes;
        if (fits) {
            batches_.add(std::move(unit), count, bytes);
        } else {
            finish(*unit, Failure{errc::connection,
                                  never_sent + ("Redis is away (" + trouble()) +
                                      "), and the publishes that wait for it have " +
                                      std::to_string(unanswered_bytes_ - bytes) + " bytes; with the " +
                                      std::to_string(bytes) + " of this one that is over the publish_buffer_bytes of " +
                                      std::to_string(context_->settings.publish_buffer_bytes),
                                  true});
        }
    }
    send_next();
}

/// One that is too large for the buffer may wait alone. While the server is there nobody waits for long, and the
/// callers, each of whom has one call, are bound enough.
bool Publisher::has_room_for(const PublishUnit& unit) const {
    const auto most = static_cast<std::size_t>(context_->settings.publish_buffer_bytes);
    return !is_away() || unanswered_bytes_ == 0 || unanswered_bytes_ + unit.bytes <= most;
}

bool Publisher::is_away() const { return context_->store && context_->store->presence() == Presence::away; }

std::string Publisher::trouble() const { return context_->store ? context_->store->trouble() : std::string(); }

void Publisher::send_next() {
    if (!context_->store) {
        refuse_waiting({errc::closed, never_sent + std::string("the queue is closed"), true});
    } else if (!is_away()) {
        give_up_the_late();
        send_batch();
    } else if (context_->settings.publish_timeout == milliseconds(0)) {
        refuse_waiting({errc::connection,
                        never_sent + ("there is no connection (" + trouble()) + "), and publish_timeout is 0", true});
    }
    arm_timer();
    tell_if_idle();
}

void Publisher::send_batch() {
    for (auto batch = batches_.next(); !batch.empty(); batch = batches_.next()) {
        Batch in_time;
        for (auto& unit : batch) {
            if (unit->ticket->abandoned()) {
                finish(*unit, Failure{errc::timeout, {}, true});  // nobody listens
            } else {
                in_time.push_back(std::move(unit));
            }
        }
        if (!in_time.empty()) {
            send(std::move(in_time));
            return;
        }
        batches_.answered();
    }
}

/// Their deadlines rise in the order in which they came, all but exactly.
void Publisher::give_up_the_late() {
    const auto now = std::chrono::steady_clock::now();
    const auto late = batches_.take_waiting_while([now](const Unit& unit) { return unit->deadline <= now; });
    for (const auto& unit : late) {
        const std::string time = " within " + std::to_string(longest_call().count()) + " ms";
        finish(*unit, Failure{errc::timeout,
                              never_sent + (is_away() ? "no connection" + time + " (" + trouble() + ")"
                                                      : "no answer" + time + " to what was sent before"),
                              true});
    }
}

void Publisher::refuse_waiting(const Failure& failure) {
    for (const auto& unit : batches_.take_waiting_while([](const Unit&) { return true; })) {
        finish(*unit, failure);
    }
}

void Publisher::finish(PublishUnit& unit, Result<PublishReply> result) {
    unanswered_bytes_ -= unit.bytes;
    unit.answer(std::move(result));
}

void Publisher::arm_timer() {
    if (timer_armed_ || batches_.waiting() == 0) {
        return;
    }
    timer_armed_ = true;
    timer_.expires_at(batches_.oldest_waiting()->deadline);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code&) {
        if (const auto self = weak.lock()) {
            self->timer_armed_ = false;
            self->give_up_the_late();
            self->send_next();
        }
    });
}

void Publisher::when_idle(std::function<void()> told) {
    on_idle_ = std::move(told);
    tell_if_idle();
}

void Publisher::tell_if_idle() {
    if (on_idle_ && batches_.idle()) {
        std::exchange(on_idle_, nullptr)();
    }
}

void Publisher::register_type() {
    if (type_added_ || !context_->store) {
        return;
    }
    type_added_ = true;
    context_->store->add_type(std::nullopt, [weak = weak_from_this()](const Result<Done>& added) {
        if (const auto self = weak.lock(); self && !added) {
            self->type_added_ = false;
        }
    });
}

void Publisher::send(Batch batch) {
    PublishRequest request{.ttl = context_->settings.event_ttl, .worker_id = context_->worker_id};
    auto deadline = batch.front()->deadline;
    for (const auto& unit : batch) {
        deadline = std::max(deadline, unit->deadline);
        if (!unit->dedup_key.empty()) {
            request.once.push_back({.first = request.events.size(),
                                    .count = unit->events.size(),
                                    .word = unit->dedup_key,
                                    .window = unit->dedup_window});
        }
        std::move(unit->events.begin(), unit->events.end(),
                  std::back_inserter(request.events));  // leaves them empty, not fewer
    }
    register_type();
    context_->store->publish(std::move(request), deadline,
                             [weak = weak_from_this(),
                              batch = std::make_shared<Batch>(std::move(batch))](const Result<PublishReply>& reply) {
                                 const auto self = weak.lock();
                                 if (self) {
                                     for (const auto& unit : *batch) {
                                         self->unanswered_bytes_ -= unit->bytes;
                                     }
                                     self->batches_.answered();
                                     self->send_next();  // first: the server works on while the callers are told
                                 }
                                 answer(*batch, reply);
                             });
}

void Publisher::answer(Batch& batch, const Result<PublishReply>& reply) {
    std::shared_ptr<PublishRound> round;
    const auto tell = [&round](PublishUnit& unit, Result<PublishReply> result) {
        const auto ticket = std::exchange(unit.ticket, nullptr);
        if (round && round != ticket->round()) {
            round->answered.notify_all();
        }
        round = ticket->round();
        ticket->keep(std::move(result));
    };
    if (reply) {
        share_out(batch, reply.value(), tell);
    } else {
        Failure failure = reply.failure();
        if (failure.not_done) {
            failure.message += "; not published: it was never sent";
        } else if (failure.code != errc::server) {
            failure.message += "; it was sent, and may or may not have been published";
        }
        for (const auto& unit : batch) {
            tell(*unit, failure);
        }
    }
    if (round) {
        round->answered.notify_all();
    }
}

}  // namespace eventy::detail
