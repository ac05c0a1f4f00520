// What a worker asks of its store, and when.
#include "core/worker.hpp"

#include <gtest/gtest.h>

#include <future>
#include <stdexcept>
#include <thread>
#include <utility>

#include "core/told_store.hpp"

namespace eventy::detail {
namespace {

using test::Asked;
using test::Calls;
using test::Line;
using test::ToldBackend;

using namespace std::chrono_literals;

/// One worker with one thread.
class WorkerTest : public ::testing::Test {
protected:
    ~WorkerTest() override {
        go_on_.set_value();
        on_io([this] {
            worker_->stop([] {}, [] {});
            context_->store.reset();
            worker_.reset();
        });
    }

    /// Its handler is called with each event's id and attempt.
    void start(const QueueSettings& settings, std::function<void(EventId, int)> handler) {
        context_ = std::make_shared<QueueContext>(
            QueueContext{backend_, {"p", "Order"}, settings, "w", std::make_shared<HandlerPool>(1)});
        context_->store = backend_->open({}, {});
        worker_ = std::make_shared<Worker>(context_, "g", this);
        std::vector<RawHandler> handlers;
        handlers.emplace_back(
            [handler = std::move(handler)](const RawEvent& event, std::shared_ptr<void>& decoded, Context& context) {
                decoded = std::make_shared<int>(0);
                handler(event.event.id, context.attempt());
            });
        worker_->add(std::make_shared<SubscriptionState>("s", this, std::move(handlers), std::function<void()>([] {})),
                     {});
        on_io([this] { worker_->subscriptions_changed(); });
    }

    void on_io(std::function<void()> work) {
        std::promise<void> done;
        backend_->io().post([&] {
            work();
            done.set_value();
        });
        done.get_future().wait();
    }
    template <class Request, class Reply>
    void answer(const Asked<Request, Reply>& asked, Reply reply) {
        on_io([&] { asked.done(std::move(reply)); });
    }
    static TakeReply one_event(EventId id, bool more = false) {
        TakeReply reply;
        reply.epoch = 7;
        reply.more = more;
        reply.events.emplace_back();
        reply.events[0].id = id;
        reply.events[0].attempt = 1;
        return reply;
    }
    /// Returns when the worker's thread has done all work that was given to it before.
    void wait_for_the_thread() {
        std::promise<void> reached;
        context_->pool->submit(worker_.get(), {[&reached] { reached.set_value(); }});
        reached.get_future().wait();
    }
    /// In a handler: does not return before the test's end.
    void stay() { go_on_.get_future().wait(); }

    const std::shared_ptr<ToldBackend> backend_ = std::make_shared<ToldBackend>();
    const std::shared_ptr<Calls> calls_ = backend_->calls;
    std::shared_ptr<Worker> worker_;

private:
    std::shared_ptr<QueueContext> context_;
    std::promise<void> go_on_;
};

QueueSettings retried_after(milliseconds delay) {
    QueueSettings settings;
    settings.retry.max_attempts = 2;
    settings.retry.initial_backoff = delay;
    settings.retry.jitter = 0;
    return settings;
}

TEST_F(WorkerTest, TakesAgainWhenWhatItDelayedIsDue) {
    start(retried_after(50ms), [](EventId, int) { throw std::runtime_error("once more"); });
    answer(calls_->takes.next("the first take"), one_event(1));
    const auto failed = calls_->settlements.next("the outcome");
    ASSERT_EQ(failed.request.settlements.at(0).verdict, Verdict::retry);
    EXPECT_TRUE(calls_->takes.empty());
    const auto stored = std::chrono::steady_clock::now();
    answer(failed, StillHeld{true});
    calls_->takes.next("a take once it is due");
    EXPECT_GE(std::chrono::steady_clock::now() - stored, 50ms);
}

TEST_F(WorkerTest, PassesOnThatSomethingIsDueWhenItHasNoRoom) {
    Line<EventId> begun;
    start(retried_after(20ms), [&](EventId id, int) {
        begun.add(id);
        if (id == 1) {
            throw std::runtime_error("once more");
        }
        stay();
    });
    answer(calls_->takes.next("the first take"), one_event(1, true));
    TakeReply busy = one_event(2);
    busy.alone = true;  // nothing is taken beside it
    answer(calls_->takes.next("the second take"), std::move(busy));
    EXPECT_EQ(begun.next("1"), 1);
    EXPECT_EQ(begun.next("2"), 2);
    EXPECT_TRUE(calls_->nudges.empty());
    answer(calls_->settlements.next("the outcome"), StillHeld{true});
    EXPECT_EQ(calls_->nudges.next("a nudge"), "g");
    EXPECT_TRUE(calls_->takes.empty());
}

TEST_F(WorkerTest, BeginsNothingOnALeaseThatMayHaveRunOutBeforeTheTakesAnswerCame) {
    QueueSettings settings;
    settings.lease = 200ms;
    Line<EventId> begun;
    start(settings, [&](EventId id, int) { begun.add(id); });
    const auto take = calls_->takes.next("a take");
    std::this_thread::sleep_until(std::chrono::steady_clock::now() + settings.lease);  // since it was sent, or more
    answer(take, one_event(1));
    auto renewal = calls_->renewals.next("a renewal");
    wait_for_the_thread();
    EXPECT_TRUE(begun.empty());
    // Renewed, it begins; should that have taken longer than the lease, the next renewal lets it.
    while (begun.empty()) {
        answer(renewal, StillHeld{true});
        wait_for_the_thread();
        if (begun.empty()) {
            renewal = calls_->renewals.next("a further renewal");
        }
    }
    EXPECT_EQ(begun.next("1"), 1);
}

}  // namespace
}  // namespace eventy::detail
