// Every I/O step of a whole session fails in turn, in every way: the store on its client, against a scripted Redis.
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <eventy/log.hpp>
#include <set>
#include <thread>

#include "redis/redis_store.hpp"
#include "redis_client/scripted_redis.hpp"

namespace eventy::redis::test {
namespace {

using detail::Result;

/// One process that logs in, watches, waits, publishes, takes, settles, reads, discards, takes up again and closes, one
/// thing after the other.
/// What fails is asked for again, as a program would; that each call is answered once is checked at the end.
class Program {
public:
    explicit Program(const ClientOptions& options) {
        on_io([&] {
            core_ = std::make_unique<ClientCore>(io_, options);
            store_ = std::make_unique<RedisStore>(io_, *core_, detail::QueueName{"shop", "Order"}, "the scripted Redis",
                                                  detail::StoreSettings{.publish_timeout = options.command_timeout},
                                                  RedisStore::Limits{});
        });
    }
    ~Program() { close(); }

    void run() {
        until_ok<detail::Done>([&](auto done) { core_->wait_ready({}, done); });
        watch();
        on_io([&] {
            if (store_) {
                store_->wait("g", [this] { woken_.add(1); });
            }
        });
        for (const std::string name : {"first", "second"}) {
            publish(name);
            const auto event = take();
            EXPECT_EQ(event.payload, payloads_.back());
            settle(event.id);
            const auto found = until_ok<std::vector<std::optional<detail::StoredEvent>>>(
                [&](auto done) { store_->get({event.id}, {}, done); });
            EXPECT_EQ(found.at(0).value().payload, event.payload);
            last_ = event.id;
        }
        change_by_hand(
            [&](auto done) { store_->discard({{last_}, std::chrono::hours(1), "w", "unwanted"}, {}, done); });
        change_by_hand([&](auto done) { store_->retry({{last_}, std::chrono::hours(1), false}, {}, done); });
        EXPECT_TRUE(notices_.next() || closed_) << "the subscription goes on";
    }

    /// Returns when the client is gone; nobody is called after that.
    void close() {
        on_io([&] {
            store_.reset();
            core_.reset();
            closed_ = true;
        });
        notices_.add(false);  // for who still waits for one
    }

    Reports<int>& woken() { return woken_; }
    /// What the calls by hand said, in order.
    const std::vector<detail::ByHand>& by_hand() const { return by_hand_; }
    /// Of the publishes that succeeded.
    const std::vector<std::string>& payloads() const { return payloads_; }
    void expect_each_answered_once() {
        for (const auto& calls : calls_) {
            EXPECT_EQ(calls.answers, 1) << calls.what;
        }
        EXPECT_EQ(late_, 0) << "calls after close()";
    }

private:
    struct Calls {
        std::string what = {};
        std::atomic<int> answers{0};
    };

    template <class F>
    void on_io(F function) {
        auto promise = std::make_shared<std::promise<void>>();
        io_.post([&function, promise] {
            function();
            promise->set_value();
        });
        get(promise->get_future());
    }

    template <class R>
    Result<R> ask(const std::function<void(detail::Callback<R>)>& call) {
        auto& calls = calls_.emplace_back();
        calls.what = "call " + std::to_string(calls_.size());
        auto answer = std::make_shared<std::promise<Result<R>>>();
        auto future = answer->get_future();
        on_io([&] {
            if (store_) {
                call([this, &calls, answer = std::move(answer)](Result<R> result) {
                    late_ += closed_ ? 1 : 0;
                    if (calls.answers++ == 0) {
                        answer->set_value(std::move(result));
                    }
                });
            }
            answer.reset();
        });
        return get(std::move(future));
    }

    template <class R>
    R until_ok(const std::function<void(detail::Callback<R>)>& call) {
        for (;;) {
            auto result = ask<R>(call);
            if (result.ok()) {
                return std::move(result.value());
            }
            EXPECT_FALSE(contains(result.failure().message, "secret")) << result.failure().message;
            guard();
        }
    }

    void watch() {
        std::uint64_t token = 0;
        until_ok<detail::Done>([&](auto done) {
            store_->unwatch(token);
            store_->watch(++token, {[this](const EventNotice&) { notices_.add(true); }, {}}, done);
        });
    }

    void publish(const std::string& name) {
        int attempt = 0;
        until_ok<detail::PublishReply>([&](auto done) {
            payload_ = name + " " + std::to_string(++attempt);
            store_->publish({{{payload_}}, std::chrono::hours(1), "w"}, {}, done);
        });
        payloads_.push_back(payload_);
    }

    /// A take whose answer was lost comes back empty, and its event is handed back by itself.
    detail::StoredEvent take() {
        for (;; guard()) {
            detail::TakeRequest request;
            request.group = "g";
            request.worker_id = "w";
            auto reply = until_ok<detail::TakeReply>([&](auto done) { store_->take(request, done); });
            epoch_ = reply.epoch;
            for (auto& event : reply.events) {
                // One that was published by a call that we took for failed.
                if (event.payload != payloads_.back()) {
                    settle(event.id);
                    continue;
                }
                return std::move(event);
            }
        }
    }

    void settle(EventId id) {
        detail::SettleRequest request;
        request.group = "g";
        request.worker_id = "w";
        request.settlements.push_back({.lease = {id, epoch_}});
        until_ok<detail::StillHeld>([&](auto done) { store_->settle(request, done); });
    }

    void change_by_hand(const std::function<void(detail::Callback<std::vector<detail::ByHand>>)>& call) {
        by_hand_.push_back(until_ok<std::vector<detail::ByHand>>(call).at(0));
    }

    void guard() const {
        if (std::chrono::steady_clock::now() > begun_ + hang_guard) {
            throw std::runtime_error("it does not succeed within 30 s");
        }
    }

    const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
    detail::IoThread io_;
    std::unique_ptr<ClientCore> core_;
    std::unique_ptr<RedisStore> store_;
    std::atomic<bool> closed_{false};
    std::atomic<int> late_{0};
    std::deque<Calls> calls_;
    Reports<int> woken_;
    Reports<bool> notices_;
    std::string payload_;
    std::vector<std::string> payloads_;
    std::int64_t epoch_ = 0;
    EventId last_ = 0;
    std::vector<detail::ByHand> by_hand_;
};

template <class V>
bool are_distinct(const std::vector<V>& values) {
    return std::set<V>(values.begin(), values.end()).size() == values.size();
}

class Steps : public ::testing::TestWithParam<Trouble> {
protected:
    Steps() {
        set_logger([](LogLevel, std::string_view) {});
    }
    ~Steps() override { set_logger(nullptr); }

    /// How many steps the session has when all is well.
    static int count_steps() {
        ScriptedRedis redis;
        Program program(with_login(redis.peer()));
        program.run();
        program.woken().next();
        program.close();
        return redis.steps();
    }

    /// Calls `run(at)` for each step, several at the same time, since most of the time is waiting for silence to be
    /// noticed. `run` says whether it met the step: where the connections overtake each other the last ones may not
    /// come.
    static void for_each_step(const std::function<bool(int)>& run) {
        const int steps = count_steps();
        EXPECT_GT(steps, 70);
        std::atomic<int> next{0}, met{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 12; ++i) {
            threads.emplace_back([&] {
                for (int at = next++; at < steps; at = next++) {
                    try {
                        met += run(at) ? 1 : 0;
                    } catch (const std::exception& error) {
                        ADD_FAILURE() << "at step " << at << ": " << error.what();
                    }
                }
            });
        }
        for (auto& thread : threads) {
            thread.join();
        }
        EXPECT_GT(met, steps * 3 / 4);
        RecordProperty("steps", met);
    }
};

TEST_P(Steps, TheProgramGoesOnAndEachCallIsAppliedOnce) {
    const Trouble trouble = GetParam();
    for_each_step([&](int at) {
        ScriptedRedis redis(at, trouble);
        Program program(with_login(redis.peer()));
        program.run();
        // A silence in the blocking wait shows when the wait is over, after 30 s: workers look each second, too.
        if (trouble != Trouble::silence) {
            program.woken().next();
        }
        program.close();
        program.expect_each_answered_once();

        const auto published = redis.published();
        EXPECT_TRUE(are_distinct(published)) << "published twice\n" << redis.story();
        EXPECT_TRUE(are_distinct(redis.settled())) << "settled twice\n" << redis.story();
        for (const auto& payload : program.payloads()) {
            EXPECT_EQ(std::ranges::count(published, payload), 1) << redis.story();
        }
        // Only an answer that cannot be understood leaves open whether the call was applied.
        EXPECT_TRUE(published.size() == 2 || trouble == Trouble::another_shape) << redis.story();
        EXPECT_EQ(redis.settled().size(), published.size()) << redis.story();
        EXPECT_EQ(redis.changed_by_hand(), 2U) << redis.story();
        if (trouble != Trouble::another_shape) {
            EXPECT_EQ(program.by_hand(), std::vector<detail::ByHand>(2, detail::ByHand::done)) << redis.story();
        }
        return redis.troubled();
    });
}

TEST_P(Steps, ClosingReturnsWhateverStepIsNotDone) {
    const Trouble trouble = GetParam();
    for_each_step([&](int at) {
        ScriptedRedis redis(at, trouble);
        Program program(with_login(redis.peer()));
        std::thread user([&] {
            try {
                program.run();
            } catch (const std::future_error&) {  // the answer will not come: it was closed
            } catch (const std::exception& error) {
                ADD_FAILURE() << "at step " << at << ": " << error.what();
            }
            redis.session_ended();
        });
        redis.wait_for_trouble();
        program.close();
        user.join();
        return redis.troubled();
    });
}

INSTANTIATE_TEST_SUITE_P(Of, Steps,
                         ::testing::Values(Trouble::cut, Trouble::reset, Trouble::silence, Trouble::silence_then_cut,
                                           Trouble::loading, Trouble::error, Trouble::garbage, Trouble::another_shape),
                         [](const auto& i) { return to_string(i.param); });

}  // namespace
}  // namespace eventy::redis::test
