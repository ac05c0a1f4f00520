// The Store over a queue in memory.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "memory/shared_queue.hpp"
#include "store/store.hpp"

namespace eventy::memory {

class TypeRegistry;

/// Answers every call from the shared state at once, and calls back from the loop. Deadlines are always met, there is
/// no connection to lose, so nothing ever fails.
class MemoryStore final : public detail::Store {
public:
    MemoryStore(IoThread&, QueueName, StoreSettings, std::shared_ptr<SharedQueue>, std::shared_ptr<TypeRegistry>);
    ~MemoryStore() override;

    void publish(PublishRequest, Deadline, Callback<PublishReply>) override;
    void take(TakeRequest, Callback<TakeReply>) override;
    void settle(SettleRequest, Callback<StillHeld>) override;
    void renew(RenewRequest, Callback<StillHeld>) override;
    void progress(ProgressRequest, Callback<StillHeld>) override;
    void retry(RetryRequest, Deadline, Callback<std::vector<ByHand>>) override;
    void discard(DiscardRequest, Deadline, Callback<std::vector<ByHand>>) override;
    void upkeep(UpkeepRequest, Callback<UpkeepReply>) override;
    void remove_subscribers(std::vector<std::string> ids, Callback<Done>) override;
    void wait(std::string group, std::function<void()> woken) override;
    void stop_waiting(const std::string& group) override;
    void nudge(const std::string& group) override;
    void get(std::vector<EventId>, Deadline, Callback<std::vector<std::optional<StoredEvent>>>) override;
    void search(SearchRequest, Deadline, Callback<SearchReply>) override;
    void count(EventFilter, Deadline, Callback<std::int64_t>) override;
    void stats(bool by_status, Deadline, Callback<QueueStats>) override;
    void subscribers(Deadline, Callback<std::vector<SubscriberInfo>>) override;
    void subscriber(std::string id, Deadline, Callback<std::optional<SubscriberInfo>>) override;
    void watch(std::uint64_t token, Watcher, Callback<Done> ready) override;
    void unwatch(std::uint64_t token) override;
    void on_reconnect(std::function<void()>) override {}
    detail::Presence presence() const override { return detail::Presence::there; }
    std::string trouble() const override { return {}; }
    void on_presence(std::function<void()>) override {}
    void add_type(Deadline, Callback<Done>) override;

private:
    template <class R>
    void answer(Callback<R>, R);

    IoThread& io_;
    const QueueName name_;
    const std::int64_t max_payload_bytes_;
    const std::shared_ptr<SharedQueue> queue_;
    const std::shared_ptr<TypeRegistry> types_;
    const std::uint64_t number_;
    const std::shared_ptr<const bool> open_;  // posted answers die with it
};

}  // namespace eventy::memory
