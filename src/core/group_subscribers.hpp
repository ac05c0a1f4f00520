// The subscribers of one group in this process.
#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/subscription.hpp"
#include "store/store.hpp"

namespace eventy::detail {

/// In the order of subscription. Remembers which ended, until they are taken out of the store. Thread-safe.
class GroupSubscribers {
public:
    void add(std::shared_ptr<SubscriptionState>, SubscriberInfo);
    void remove(const std::string& id);

    bool any() const;
    std::vector<std::shared_ptr<SubscriptionState>> states() const;
    std::vector<SubscriberInfo> infos() const;
    /// The ids of those that ended since the last call.
    std::vector<std::string> take_ended();
    /// All of them end: their ids, with those that ended before.
    std::vector<std::string> end_all();

private:
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<SubscriptionState>> states_;
    std::vector<SubscriberInfo> infos_;
    std::vector<std::string> ended_;
};

}  // namespace eventy::detail
