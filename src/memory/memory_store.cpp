#include "memory/memory_store.hpp"

#include "memory/memory_backend.hpp"

namespace eventy::memory {

MemoryStore::MemoryStore(IoThread& io, QueueName name, StoreSettings settings, std::shared_ptr<SharedQueue> queue,
                         std::shared_ptr<TypeRegistry> types)
    : io_(io),
      name_(std::move(name)),
      max_payload_bytes_(settings.max_payload_bytes),
      queue_(std::move(queue)),
      types_(std::move(types)),
      number_(queue_->new_number()),
      open_(std::make_shared<const bool>(true)) {}

MemoryStore::~MemoryStore() { queue_->forget(number_); }

template <class R>
void MemoryStore::answer(Callback<R> callback, R result) {
    io_.post([open = std::weak_ptr(open_), callback = std::move(callback), result = std::move(result)]() mutable {
        if (!open.expired()) {
            callback(Result<R>(std::move(result)));
        }
    });
}

void MemoryStore::publish(PublishRequest request, Deadline, Callback<PublishReply> callback) {
    answer(std::move(callback),
           queue_->run([&](QueueState& state, std::int64_t now) { return state.publish(std::move(request), now); }));
}

void MemoryStore::take(TakeRequest request, Callback<TakeReply> callback) {
    answer(std::move(callback), queue_->run([&](QueueState& state, std::int64_t now) {
        return state.take(request, now, max_payload_bytes_);
    }));
}

void MemoryStore::settle(SettleRequest request, Callback<StillHeld> callback) {
    answer(std::move(callback),
           queue_->run([&](QueueState& state, std::int64_t now) { return state.settle(request, now); }));
}

void MemoryStore::renew(RenewRequest request, Callback<StillHeld> callback) {
    answer(std::move(callback),
           queue_->run([&](QueueState& state, std::int64_t now) { return state.renew(request, now); }));
}

void MemoryStore::progress(ProgressRequest request, Callback<StillHeld> callback) {
    answer(std::move(callback),
           queue_->run([&](QueueState& state, std::int64_t now) { return state.progress(request, now); }));
}

void MemoryStore::retry(RetryRequest request, Deadline, Callback<std::vector<ByHand>> callback) {
    answer(std::move(callback),
           queue_->run([&](QueueState& state, std::int64_t now) { return state.retry(request, now); }));
}

void MemoryStore::discard(DiscardRequest request, Deadline, Callback<std::vector<ByHand>> callback) {
    answer(std::move(callback),
           queue_->run([&](QueueState& state, std::int64_t now) { return state.discard(request, now); }));
}

void MemoryStore::upkeep(UpkeepRequest request, Callback<UpkeepReply> callback) {
    answer(std::move(callback),
           queue_->run([&](QueueState& state, std::int64_t now) { return state.upkeep(request, now); }));
}

void MemoryStore::remove_subscribers(std::vector<std::string> ids, Callback<Done> callback) {
    answer(std::move(callback), queue_->run([&](QueueState& state, std::int64_t) {
        state.remove_subscribers(ids);
        return Done();
    }));
}

void MemoryStore::wait(std::string group, std::function<void()> woken) {
    queue_->run([&](QueueState& state, std::int64_t) {
        state.joined(group);
        return Done();
    });
    queue_->wait(number_, group, std::move(woken));
}

void MemoryStore::stop_waiting(const std::string& group) { queue_->stop_waiting(number_, group); }

void MemoryStore::nudge(const std::string& group) { queue_->nudge(group); }

void MemoryStore::get(std::vector<EventId> ids, Deadline, Callback<std::vector<std::optional<StoredEvent>>> callback) {
    answer(std::move(callback),
           queue_->run([&](QueueState& state, std::int64_t now) { return state.get(ids, now, max_payload_bytes_); }));
}

void MemoryStore::search(SearchRequest request, Deadline, Callback<SearchReply> callback) {
    answer(std::move(callback), queue_->run([&](QueueState& state, std::int64_t now) {
        return state.search(request, now, max_payload_bytes_);
    }));
}

void MemoryStore::count(EventFilter filter, Deadline, Callback<std::int64_t> callback) {
    answer(std::move(callback),
           queue_->run([&](QueueState& state, std::int64_t now) { return state.count(filter, now); }));
}

void MemoryStore::stats(bool, Deadline, Callback<QueueStats> callback) {
    answer(std::move(callback), queue_->run([&](QueueState& state, std::int64_t now) { return state.stats(now); }));
}

void MemoryStore::subscribers(Deadline, Callback<std::vector<SubscriberInfo>> callback) {
    answer(std::move(callback),
           queue_->run([&](QueueState& state, std::int64_t now) { return state.subscribers(now); }));
}

void MemoryStore::subscriber(std::string id, Deadline, Callback<std::optional<SubscriberInfo>> callback) {
    answer(std::move(callback),
           queue_->run([&](QueueState& state, std::int64_t now) { return state.subscriber(id, now); }));
}

void MemoryStore::watch(std::uint64_t token, Watcher watcher, Callback<Done> ready) {
    // Registered at once, so that an `unwatch` before `ready` finds it; it listens from `ready` on.
    auto listen = queue_->watch({number_, token}, std::move(watcher.notice));
    answer<Done>(
        [listen = std::move(listen), ready = std::move(ready)](Result<Done> done) {
            listen();
            ready(std::move(done));
        },
        Done());
}

void MemoryStore::unwatch(std::uint64_t token) { queue_->unwatch({number_, token}); }

void MemoryStore::add_type(Deadline, Callback<Done> callback) {
    types_->add(name_);
    answer(std::move(callback), Done());
}

}  // namespace eventy::memory
