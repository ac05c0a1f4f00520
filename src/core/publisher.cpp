#include "core/publisher.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/io_thread.hpp"
#include "core/names.hpp"

namespace eventy::detail {

Publisher::Publisher(std::shared_ptr<QueueContext> context) : context_(std::move(context)) {}

void Publisher::publish(std::shared_ptr<PublishUnit> unit) {
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        first = inbox_.empty();
        inbox_.push_back(std::move(unit));
    }
    if (first) {
        context_->backend->io().post([self = shared_from_this()] { self->collect(); });
    }
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
        batches_.add(std::move(unit), count, bytes);
    }
    send_next();
}

void Publisher::send_next() {
    for (auto batch = batches_.next(); !batch.empty(); batch = batches_.next()) {
        const auto now = std::chrono::steady_clock::now();
        Batch in_time;
        for (auto& unit : batch) {
            if (!context_->store) {
                unit->done(Failure{errc::closed, "the queue is closed"});
            } else if (unit->abandoned || unit->deadline <= now) {
                unit->done(Failure{errc::timeout, "not sent in time: the server did not answer"});
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
    tell_if_idle();
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
                             [weak = weak_from_this(), batch = std::move(batch)](const Result<PublishReply>& reply) {
                                 answer(batch, reply);
                                 if (const auto self = weak.lock()) {
                                     self->batches_.answered();
                                     self->send_next();
                                 }
                             });
}

void Publisher::answer(const Batch& batch, const Result<PublishReply>& reply) {
    std::int64_t offset = 0;
    std::size_t with_word = 0;
    for (const auto& unit : batch) {
        if (!reply) {
            unit->done(reply.failure());
            continue;
        }
        const PublishReply& all = reply.value();
        const auto count = static_cast<std::int64_t>(unit->events.size());
        const std::size_t number = unit->dedup_key.empty() ? all.repeated.size() : with_word++;
        const auto before = unit->dedup_key.empty()
                                ? all.repeated.end()
                                : std::find_if(all.repeated.begin(), all.repeated.end(),
                                               [number](const auto& repeated) { return repeated.unit == number; });
        if (before == all.repeated.end()) {
            unit->done(PublishReply{all.first_id + offset, all.first_us + offset});
            offset += count;
        } else if (before->count == count) {
            unit->done(PublishReply{before->first_id, before->first_us, {*before}});
        } else {
            unit->done(Failure{errc::invalid_argument, "the dedup_key " + quoted(unit->dedup_key) + " was used for " +
                                                           std::to_string(before->count) + " events, not for " +
                                                           std::to_string(count)});
        }
    }
}

}  // namespace eventy::detail
