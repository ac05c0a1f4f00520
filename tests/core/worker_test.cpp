// What a worker asks of its store, on one that answers when the test says so, and never says that there is work.
#include "core/worker.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/io_thread.hpp"

namespace eventy::detail {
namespace {

using namespace std::chrono_literals;

/// Below it nothing depends on how long anything takes.
constexpr auto patience = 30s;

/// What comes from other threads, in its order.
template <class T>
class Line {
public:
    void add(T one) {
        {
            const std::lock_guard lock(mutex_);
            all_.push_back(std::move(one));
        }
        changed_.notify_all();
    }
    T next(const char* what) {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, patience, [this] { return !all_.empty(); })) {
            throw std::runtime_error(std::string("not seen: ") + what);
        }
        T first = std::move(all_.front());
        all_.pop_front();
        return first;
    }
    bool empty() {
        const std::lock_guard lock(mutex_);
        return all_.empty();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<T> all_;
};

template <class Request, class Reply>
struct Asked {
    Request request;
    Callback<Reply> done;
};

struct Calls {
    Line<Asked<TakeRequest, TakeReply>> takes = {};
    Line<Asked<SettleRequest, StillHeld>> settlements = {};
    Line<Asked<RenewRequest, StillHeld>> renewals = {};
    Line<std::string> nudges = {};
};

class ToldStore final : public Store {
public:
    explicit ToldStore(std::shared_ptr<Calls> calls) : calls_(std::move(calls)) {}

    void take(TakeRequest request, Callback<TakeReply> done) override {
        calls_->takes.add({std::move(request), std::move(done)});
    }
    void settle(SettleRequest request, Callback<StillHeld> done) override {
        calls_->settlements.add({std::move(request), std::move(done)});
    }
    void renew(RenewRequest request, Callback<StillHeld> done) override {
        calls_->renewals.add({std::move(request), std::move(done)});
    }
    void nudge(const std::string& group) override { calls_->nudges.add(group); }

    // No look of each second finds anything, no marker comes, and nobody asks for the rest.
    void upkeep(UpkeepRequest, Callback<UpkeepReply>) override {}
    void wait(std::string, std::function<void()>) override {}
    void stop_waiting(const std::string&) override {}
    void publish(PublishRequest, Deadline, Callback<PublishReply>) override {}
    void progress(ProgressRequest, Callback<StillHeld>) override {}
    void retry(RetryRequest, Deadline, Callback<std::vector<ByHand>>) override {}
    void discard(DiscardRequest, Deadline, Callback<std::vector<ByHand>>) override {}
    void remove_subscribers(std::vector<std::string>, Callback<Done>) override {}
    void get(std::vector<EventId>, Deadline, Callback<std::vector<std::optional<StoredEvent>>>) override {}
    void search(SearchRequest, Deadline, Callback<SearchReply>) override {}
    void count(EventFilter, Deadline, Callback<std::int64_t>) override {}
    void stats(bool, Deadline, Callback<QueueStats>) override {}
    void subscribers(Deadline, Callback<std::vector<SubscriberInfo>>) override {}
    void subscriber(std::string, Deadline, Callback<std::optional<SubscriberInfo>>) override {}
    void watch(std::uint64_t, Watcher, Callback<Done>) override {}
    void unwatch(std::uint64_t) override {}
    void on_reconnect(std::function<void()>) override {}
    Presence presence() const override { return Presence::there; }
    std::string trouble() const override { return {}; }
    void on_presence(std::function<void()>) override {}
    void add_type(Deadline, Callback<Done>) override {}

private:
    const std::shared_ptr<Calls> calls_;
};

class ToldBackend final : public Backend {
public:
    IoThread& io() override { return io_; }
    std::string describe() const override { return "the test"; }
    void check(Deadline, Callback<Done>) override {}
    milliseconds connect_timeout() const override { return patience; }
    milliseconds command_timeout() const override { return patience; }
    std::unique_ptr<Store> open(QueueName, StoreSettings) override { return nullptr; }
    void list_types(std::string, Deadline, Callback<std::vector<std::string>>) override {}
    void remove_type(QueueName, Deadline, Callback<Done>) override {}

private:
    IoThread io_;
};

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
        context_->store = std::make_unique<ToldStore>(calls_);
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

    const std::shared_ptr<Calls> calls_ = std::make_shared<Calls>();
    std::shared_ptr<Worker> worker_;

private:
    const std::shared_ptr<ToldBackend> backend_ = std::make_shared<ToldBackend>();
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
