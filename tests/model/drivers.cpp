#include "model/drivers.hpp"

#include <chrono>
#include <stdexcept>
#include <utility>

#include "base/io_thread.hpp"

namespace eventy::test {

namespace {

constexpr auto patience = std::chrono::seconds(60);  // a guard against hanging, nothing else

/// Collects what several calls answer, on the I/O thread; the last one hands it over.
class Gathering : public std::enable_shared_from_this<Gathering> {
public:
    std::future<Outcome> outcome() { return promise_.get_future(); }

    template <class R, class Keep>
    Callback<R> expect(Keep keep) {
        ++missing_;
        return [self = shared_from_this(), keep = std::move(keep)](Result<R> result) mutable {
            if (result.ok()) {
                keep(self->outcome_, std::move(result.value()));
            } else if (self->outcome_.failure.empty()) {
                self->outcome_.failure = result.failure().message;
            }
            self->arrived();
        };
    }

    /// A callback for one answer to the request. What is read is read after it: a call that RedisStore has to send
    /// again, because the clock was set, is applied behind what was sent meanwhile.
    template <class R>
    Callback<R> expect_answer() {
        ++missing_;
        return [self = shared_from_this(), answered = expect<R>([](Outcome& outcome, R reply) {
                                               outcome.answer = std::move(reply);
                                           })](Result<R> result) {
            answered(std::move(result));
            self->then_();
            self->arrived();
        };
    }
    void then(std::function<void()> function) { then_ = std::move(function); }

    void arrived() {
        if (--missing_ == 0) {
            promise_.set_value(std::move(outcome_));
        }
    }

private:
    int missing_ = 1;  // one more than the calls, until all are under way
    std::function<void()> then_;
    Outcome outcome_;
    std::promise<Outcome> promise_;
};

void call(Store& store, Request request, Gathering& gathering) {
    if (auto* publish = std::get_if<PublishRequest>(&request)) {
        store.publish(std::move(*publish), {}, gathering.expect_answer<PublishReply>());
    } else if (auto* take = std::get_if<TakeRequest>(&request)) {
        store.take(std::move(*take), gathering.expect_answer<TakeReply>());
    } else if (auto* settle = std::get_if<SettleRequest>(&request)) {
        store.settle(std::move(*settle), gathering.expect_answer<StillHeld>());
    } else if (auto* renew = std::get_if<RenewRequest>(&request)) {
        store.renew(std::move(*renew), gathering.expect_answer<StillHeld>());
    } else if (auto* progress = std::get_if<ProgressRequest>(&request)) {
        store.progress(std::move(*progress), gathering.expect_answer<StillHeld>());
    } else if (auto* retry = std::get_if<RetryRequest>(&request)) {
        store.retry(std::move(*retry), {}, gathering.expect_answer<std::vector<ByHand>>());
    } else if (auto* discard = std::get_if<DiscardRequest>(&request)) {
        store.discard(std::move(*discard), {}, gathering.expect_answer<std::vector<ByHand>>());
    }
}

void read(Store& store, const Questions& questions, Gathering& gathering) {
    for (const std::string& group : questions.groups) {
        store.upkeep({.group = group, .alive = {}, .subscriber_ttl = milliseconds(1000)},
                     gathering.expect<UpkeepReply>([group](Outcome& outcome, UpkeepReply reply) {
                         outcome.readings.takeable[group] = reply.takeable;
                     }));
    }
    if (questions.last_id == 0) {
        return;
    }
    std::vector<EventId> ids;
    for (EventId id = 1; id <= questions.last_id; ++id) {
        ids.push_back(id);
    }
    store.get(std::move(ids), {},
              gathering.expect<std::vector<std::optional<StoredEvent>>>(
                  [](Outcome& outcome, auto events) { outcome.readings.events = std::move(events); }));
    SearchRequest search;
    search.filter.status = questions.status;
    search.limit = questions.limit;
    store.search(search, {}, gathering.expect<SearchReply>([](Outcome& outcome, const SearchReply& reply) {
        for (const StoredEvent& event : reply.events) {
            outcome.readings.found.push_back(event.id);
        }
    }));
    store.count(search.filter, {}, gathering.expect<std::int64_t>([](Outcome& outcome, std::int64_t count) {
        outcome.readings.count = count;
    }));
    store.stats(true, {}, gathering.expect<QueueStats>([](Outcome& outcome, QueueStats stats) {
        outcome.readings.stats = std::move(stats);
    }));
}

}  // namespace

void Driver::on_io(const std::function<void()>& what) {
    std::promise<void> done;
    backend_->io().post([&] {
        what();
        done.set_value();
    });
    done.get_future().get();
}

void Driver::open(const QueueName& name) {
    on_io([&] {
        for (auto& store : stores_) {
            store = backend_->open(name, {});
        }
    });
}

void Driver::close() {
    on_io([&] { stores_ = {}; });
}

void Driver::start(std::size_t worker, Request request, Questions questions) {
    const auto gathering = std::make_shared<Gathering>();
    outcome_ = gathering->outcome();
    backend_->io().post([this, worker, gathering, request = std::move(request), questions = std::move(questions)] {
        const auto read_all = [this, worker, raw = gathering.get(), questions] {
            read(*stores_.at(worker), questions, *raw);
        };
        if (request.index() == 0) {
            read_all();
        } else {
            gathering->then(read_all);
            call(*stores_.at(worker), request, *gathering);
        }
        gathering->arrived();
    });
}

Outcome Driver::wait() {
    if (outcome_.wait_for(patience) != std::future_status::ready) {
        throw std::runtime_error("no answer from " + name_);
    }
    return outcome_.get();
}

}  // namespace eventy::test
