#include "memory/memory_backend.hpp"

#include <chrono>
#include <eventy/memory.hpp>

#include "memory/memory_store.hpp"

namespace eventy::memory {

namespace {

Timestamp system_now() { return std::chrono::system_clock::now(); }

}  // namespace

std::vector<std::string> TypeRegistry::list(const std::string& prefix) const {
    const auto found = types_.find(prefix);
    return found == types_.end() ? std::vector<std::string>()
                                 : std::vector<std::string>(found->second.begin(), found->second.end());
}

MemoryBackend::MemoryBackend(Clock clock) : clock_(clock ? std::move(clock) : Clock(system_now)) {}

void MemoryBackend::check(Deadline, Callback<Done> callback) {
    io_.post([callback = std::move(callback)] { callback(Done()); });
}

std::unique_ptr<detail::Store> MemoryBackend::open(QueueName name, StoreSettings settings) {
    auto& queue = queues_[{name.prefix, name.type}];
    if (!queue) {
        queue = std::make_shared<SharedQueue>(io_, clock_);
    }
    return std::make_unique<MemoryStore>(io_, std::move(name), settings, queue, types_);
}

void MemoryBackend::list_types(std::string prefix, Deadline, Callback<std::vector<std::string>> callback) {
    io_.post([callback = std::move(callback), types = types_, prefix = std::move(prefix)] {
        callback(types->list(prefix));
    });
}

void MemoryBackend::remove_type(QueueName name, Deadline, Callback<Done> callback) {
    io_.post([callback = std::move(callback), types = types_, name = std::move(name)] {
        types->remove(name);
        callback(Done());
    });
}

Store::Store(StoreOptions options) : backend_(std::make_shared<MemoryBackend>(std::move(options.clock))) {}

Store::~Store() {
    if (!backend_->io().is_at_home()) {
        detail::leave_alone(std::move(backend_));
    }
}

}  // namespace eventy::memory
