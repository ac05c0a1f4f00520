// All key names of the Redis store; docs/keys-and-scripts.md says what stands under them.
#pragma once
#include <string>
#include <string_view>

#include "store/store.hpp"

namespace eventy::redis {

/// The keys of one group of a queue.
struct GroupKeys {
    std::string leases = {}, held = {}, delayed = {}, open = {}, dead = {}, wake = {};
};

/// The keys of one queue. What ends in `_start` lacks its last part: an id, a group's name.
struct Keys {
    /// `hash_tagged`: the type is written in braces, so that all keys of the queue are in one slot of a Cluster.
    explicit Keys(const detail::QueueName&, bool hash_tagged = false);

    std::string meta, counter, index, groups, idle, workers, channel;
    std::string event_start, subscriber_start, call_record_start;
    std::string leases_start, held_start, delayed_start, open_start, dead_start, wake_start, dedup_start;

    GroupKeys of_group(std::string_view group) const;
    std::string event(EventId) const;
    /// What has to stand under one of these keys, as Redis says it ("zset"); empty for another key.
    std::string_view type_of(std::string_view key) const;

    /// The set of all types under a prefix.
    static std::string registry(std::string_view prefix);
};

}  // namespace eventy::redis
