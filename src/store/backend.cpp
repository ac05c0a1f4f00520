#include "store/store.hpp"

namespace eventy::detail {

namespace {

std::string claim_name(const QueueName& queue) { return queue.prefix + '\n' + queue.type; }

}  // namespace

bool Backend::claim(const QueueName& queue, std::type_index payload_type) {
    const std::lock_guard lock(mutex_);
    const auto [entry, fresh] = claims_.try_emplace(claim_name(queue), Claim{payload_type, 0});
    if (entry->second.payload_type != payload_type) {
        return false;
    }
    ++entry->second.users;
    return true;
}

void Backend::release(const QueueName& queue) {
    const std::lock_guard lock(mutex_);
    const auto entry = claims_.find(claim_name(queue));
    if (entry != claims_.end() && --entry->second.users == 0) {
        claims_.erase(entry);
    }
}

}  // namespace eventy::detail
