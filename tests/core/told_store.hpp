// A store that answers when the test says so, and never says that there is work.
#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/io_thread.hpp"
#include "store/store.hpp"

namespace eventy::detail::test {

/// Below it nothing depends on how long anything takes.
inline constexpr auto patience = std::chrono::seconds(30);

/// What comes from other threads, in its order.
template <class T>
class Line {
public:
    /// Told under the lock: who hears of the last one may end the line.
    void add(T one) {
        const std::lock_guard lock(mutex_);
        all_.push_back(std::move(one));
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
    Line<bool> ends = {};  // of stores
};

class ToldStore final : public Store {
public:
    explicit ToldStore(std::shared_ptr<Calls> calls) : calls_(std::move(calls)) {}
    ~ToldStore() override { calls_->ends.add(true); }

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
    const std::shared_ptr<Calls> calls = std::make_shared<Calls>();  // of its stores

    IoThread& io() override { return io_; }
    std::string describe() const override { return "the test"; }
    void check(Deadline, Callback<Done>) override {}
    milliseconds connect_timeout() const override { return patience; }
    milliseconds command_timeout() const override { return patience; }
    std::unique_ptr<Store> open(QueueName, StoreSettings) override { return std::make_unique<ToldStore>(calls); }
    void list_types(std::string, Deadline, Callback<std::vector<std::string>>) override {}
    void remove_type(QueueName, Deadline, Callback<Done>) override {}

private:
    IoThread io_;
};

}  // namespace eventy::detail::test
