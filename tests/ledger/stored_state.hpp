// What stands in Redis, read from its keys; of events that have expired, what stood there.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ledger/append_only_file.hpp"
#include "ledger/record.hpp"
#include "support/redis_server.hpp"

namespace eventy::ledger {

/// A failed attempt or a lost lease, from the field `failures`.
struct StoredFailure {
    Micros at = 0;  // of Redis's clock, as epochs are: when it was known; of a lost lease, when another worker took it
    bool lost_lease = false;
    std::string worker = {};
};

/// One event, for one group.
struct StoredEvent {
    std::string token = {};
    std::string status = {};               // the hash's field: what the last group said
    std::vector<std::string> places = {};  // of beyond, leased, delayed, dead, done: one, if all is well; of one that
                                           // is gone where it was, else expired
    std::string flaw = {};                 // what in the keys contradicts itself
    std::vector<Settle> settles = {};      // by this group, since it was last retried by hand
    std::string error = {};
    std::vector<StoredFailure> failures = {};  // in this group, oldest first
    std::vector<PastLife> before = {};         // in this group
    int retries = 0;                           // by hand, that changed something in some group
    Micros created = 0;                        // of Redis's clock
    std::optional<Vanished> vanished = {};
};

/// In which of the event's lives it was taken under this epoch, from 0.
inline std::size_t life_of(const StoredEvent& event, std::int64_t epoch) {
    std::size_t life = 0;
    while (life < event.before.size() && event.before[life].last_epoch < epoch) {
        ++life;
    }
    return life;
}

struct StoredState {
    std::int64_t last_id = 0, cursor = 0;
    std::map<std::int64_t, StoredEvent> events = {};  // those of ids 1 to last_id whose hash is there, or was
    std::int64_t expired = 0;                         // so many have expired unprocessed, as the queue says
    /// Ids without a hash, and which key still speaks of them.
    std::vector<std::pair<std::int64_t, std::string>> leftovers = {};
};

inline std::size_t life_of(const StoredState& stored, std::int64_t id, std::int64_t epoch) {
    const auto event = stored.events.find(id);
    return event == stored.events.end() ? 0 : life_of(event->second, epoch);
}

/// Throws std::runtime_error.
StoredState read_stored_state(test::RedisServer&, const Histories&, const Place&);

/// Whether the library's own sweeping has left nothing of events that expire; asked when all of them are gone.
bool is_swept(test::RedisServer&);

/// A look at a running system, consistent because it is one script: ids that are in no state or in two, with words.
/// Looks at the sets and at the `depth` ids up to the cursor.
std::vector<std::pair<std::int64_t, std::string>> look_for_misplaced(test::RedisServer&, const Place&, int depth);

}  // namespace eventy::ledger
