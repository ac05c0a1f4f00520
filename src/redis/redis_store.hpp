// The store on Redis: each operation is one script (src/redis/scripts).
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/io_thread.hpp"
#include "redis/client/client_core.hpp"
#include "redis/keys.hpp"
#include "redis/numbered_calls.hpp"
#include "redis/script_runner.hpp"
#include "redis/type_registry.hpp"
#include "store/store.hpp"

namespace eventy::redis {

/// Says what a request is in the words of its script, and what the reply is in the store's. What has to be applied once
/// goes through NumberedCalls.
class RedisStore final : public detail::Store {
public:
    /// Other ones are for tests.
    struct Limits {
        /// Of events in one reply; longer answers come in several. The first event may be larger.
        std::int64_t reply_bytes = std::int64_t{32} * 1024 * 1024;
        /// How long after it was sent a copy of a numbered call may be applied; none: half the TTL of the call record.
        std::optional<std::chrono::milliseconds> copies_live = {};
    };

    /// The client must outlive the store. `place`: the server, for messages.
    RedisStore(detail::IoThread&, ClientCore&, detail::QueueName, std::string place, detail::StoreSettings, Limits);
    ~RedisStore() override;

    void publish(detail::PublishRequest, Deadline, Callback<detail::PublishReply>) override;
    void take(detail::TakeRequest, Callback<detail::TakeReply>) override;
    void settle(detail::SettleRequest, Callback<detail::StillHeld>) override;
    void renew(detail::RenewRequest, Callback<detail::StillHeld>) override;
    void progress(detail::ProgressRequest, Callback<detail::StillHeld>) override;
    void retry(detail::RetryRequest, Deadline, Callback<std::vector<detail::ByHand>>) override;
    void discard(detail::DiscardRequest, Deadline, Callback<std::vector<detail::ByHand>>) override;

    void upkeep(detail::UpkeepRequest, Callback<detail::UpkeepReply>) override;
    void remove_subscribers(std::vector<std::string> ids, Callback<Done>) override;
    void wait(std::string group, std::function<void()> woken) override;
    void stop_waiting(const std::string& group) override;
    void nudge(const std::string& group) override;

    void get(std::vector<EventId>, Deadline, Callback<std::vector<std::optional<detail::StoredEvent>>>) override;
    void search(detail::SearchRequest, Deadline, Callback<detail::SearchReply>) override;
    void count(EventFilter, Deadline, Callback<std::int64_t>) override;
    void stats(bool by_status, Deadline, Callback<QueueStats>) override;
    void subscribers(Deadline, Callback<std::vector<SubscriberInfo>>) override;
    void subscriber(std::string id, Deadline, Callback<std::optional<SubscriberInfo>>) override;

    void watch(std::uint64_t token, Watcher, Callback<Done> ready) override;
    void unwatch(std::uint64_t token) override;
    void on_reconnect(std::function<void()>) override;
    detail::Presence presence() const override { return core_.presence(); }
    std::string trouble() const override { return core_.trouble(); }
    void on_presence(std::function<void()>) override;
    void add_type(Deadline, Callback<Done>) override;

    const Keys& keys() const { return keys_; }

private:
    struct Getting;
    struct Searching;
    struct Counting;
    struct GatheringStats;

    using Clock = std::chrono::steady_clock;
    // Of clean-up, or of putting back what the index lacks, one after the other.
    static constexpr int most_rounds = 100;
    /// Of a reply that begins with {gen, top}.
    using Handler = std::function<void(Reply&)>;

    void run(ScriptCall, Deadline, std::function<void(const detail::Failure&)> failed, Handler);
    template <class R>
    void answer_later(R value, Callback<R> done);
    void heard(const Reply& generation);
    void lost_writes(const Reply& numbered);
    void hand_back(const std::string& group, const std::string& worker_id, const std::string& taken);
    void sweep_now_and_then();
    void sweep();
    void sweep_round(int left);
    void put_index_back(Deadline, int rounds, std::function<void()> then);
    void keep_registered();

    void settle_slice(const detail::SettleRequest&, std::size_t first, std::size_t count, Callback<detail::StillHeld>);
    void change_by_hand(NumberedCalls::Call, Deadline, Callback<std::vector<detail::ByHand>>);
    void renew_slice(const detail::RenewRequest&, std::size_t first, std::size_t count, Callback<detail::StillHeld>);
    void get_more(std::shared_ptr<Getting>);
    void search_more(std::shared_ptr<Searching>);
    void count_more(std::shared_ptr<Counting>);
    void stats_more(std::shared_ptr<GatheringStats>);
    template <class Asking>
    bool asks_again(const Reply& lacks, const std::shared_ptr<Asking>&,
                    void (RedisStore::*ask)(std::shared_ptr<Asking>));
    void find_subscribers(const std::string& id, Deadline, Callback<std::vector<SubscriberInfo>>);

    detail::IoThread& io_;
    ClientCore& core_;
    detail::QueueName name_;
    Keys keys_;
    std::int64_t max_payload_bytes_, reply_bytes_;
    TypeRegistry registry_;
    ScriptRunner runner_;
    NumberedCalls numbered_;
    std::uint64_t connection_token_ = 0;
    std::map<std::string, std::string> waits_;             // group -> wake list
    std::map<std::uint64_t, std::uint64_t> watch_tokens_;  // the caller's -> the client's
    std::string generation_;                               // of the data, as last seen; empty: none yet
    std::optional<Clock::time_point> last_sweep_, last_registration_;
    bool registered_ = false, sweeping_ = false;
    std::shared_ptr<void> alive_ = std::make_shared<int>();
};

/// For what needs no server: no callback before the function that took it has returned.
template <class R>
void RedisStore::answer_later(R value, Callback<R> done) {
    io_.post([life = std::weak_ptr(alive_), value = std::move(value), done = std::move(done)] {
        if (!life.expired()) {
            done(value);
        }
    });
}

}  // namespace eventy::redis
