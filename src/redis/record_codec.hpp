// What the scripts' replies say, as the store's records.
#pragma once
#include <cstdint>
#include <eventy/records.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "redis/client/reply.hpp"
#include "store/store.hpp"

namespace eventy::redis {

/// Fields of the event hash in the order of take.lua; nils are empty. A time that somebody garbled stays 1970.
detail::StoredEvent leased_event(const std::string& id, std::int64_t attempt, Reply& fields);

/// In the order of read_event.lua.
detail::StoredEvent read_event(EventId, const std::string& status, std::string unreadable, Reply& fields);

/// {id, event_type, group, worker_id, host, pid, created_at}
SubscriberInfo subscriber(Reply& fields);

/// The channel's JSON; nullopt when it is not ours.
std::optional<EventNotice> notice(std::string_view json);

/// A decimal; 0 where it is none.
std::int64_t to_int(std::string_view);
/// An integer reply, or a decimal.
std::int64_t to_int(const Reply&);

std::int64_t to_us(Timestamp);
Timestamp from_us(std::int64_t);

}  // namespace eventy::redis
