#include "core/group_subscribers.hpp"

#include <utility>

namespace eventy::detail {

void GroupSubscribers::add(std::shared_ptr<SubscriptionState> state, SubscriberInfo info) {
    const std::lock_guard lock(mutex_);
    states_.push_back(std::move(state));
    infos_.push_back(std::move(info));
}

void GroupSubscribers::remove(const std::string& id) {
    const std::lock_guard lock(mutex_);
    const auto erased = std::erase_if(states_, [&](const auto& state) { return state->id() == id; });
    std::erase_if(infos_, [&](const auto& info) { return info.id == id; });
    if (erased > 0) {
        ended_.push_back(id);
    }
}

bool GroupSubscribers::any() const {
    const std::lock_guard lock(mutex_);
    return !states_.empty();
}

std::vector<std::shared_ptr<SubscriptionState>> GroupSubscribers::states() const {
    const std::lock_guard lock(mutex_);
    return states_;
}

std::vector<SubscriberInfo> GroupSubscribers::infos() const {
    const std::lock_guard lock(mutex_);
    return infos_;
}

std::vector<std::string> GroupSubscribers::take_ended() {
    const std::lock_guard lock(mutex_);
    return std::exchange(ended_, {});
}

std::vector<std::string> GroupSubscribers::end_all() {
    const std::lock_guard lock(mutex_);
    auto ids = std::exchange(ended_, {});
    for (const auto& info : std::exchange(infos_, {})) {
        ids.push_back(info.id);
    }
    return ids;
}

}  // namespace eventy::detail
