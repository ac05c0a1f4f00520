// Who settled and retried what, and what is gone, as Redis wrote it down: an event's hash keeps only what the last
// group did, and nothing once it has expired.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eventy::ledger {

/// An end of an event in a group that a worker stored: PROCESSED, or ERROR.
struct Settle {
    std::string status = {}, worker = {};

    bool operator==(const Settle&) const = default;
};

/// A life of an event in a group begins when it is published, or retried by hand where the group had given it up.
struct PastLife {
    std::int64_t last_epoch = 0;  // takes of later lives have higher ones
    std::vector<Settle> settles = {};
    bool discarded = false;

    bool operator==(const PastLife&) const = default;
};

/// What happened to an event in a group, in its order.
struct GroupHistory {
    std::vector<PastLife> before = {};  // each ended by a retry by hand
    std::vector<Settle> settles = {};   // since
    bool dead = false;                  // it is given up, or was when it vanished

    bool operator==(const GroupHistory&) const = default;
};

/// An event's hash was there, and is not any more.
struct Vanished {
    std::int64_t by = INT64_MAX;    // at the latest, in us of Redis's clock: the next time that it wrote down
    std::int64_t last_epoch = 0;    // takes of later than that have higher ones
    std::vector<Settle> late = {};  // by workers that still held it: they count, and leave nothing

    bool operator==(const Vanished&) const = default;
};

struct EventHistory {
    std::map<std::string, std::string> fields = {};  // of the hash, the last ones
    std::map<std::string, GroupHistory> groups = {};
    int retries = 0;         // by hand, that changed something
    bool discarded = false;  // since the last of them
    std::optional<Vanished> vanished = {};

    bool operator==(const EventHistory&) const = default;
};

/// By the key of the event's hash.
using Histories = std::map<std::string, EventHistory, std::less<>>;

/// Of the text of an append-only file; what is cut off at its end is left out.
Histories parse_histories(std::string_view text);

/// Throws std::runtime_error.
Histories read_histories(const std::string& file);

}  // namespace eventy::ledger
