// Compares the ledger with Redis: a pure function.
#pragma once
#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/record.hpp"
#include "ledger/stored_state.hpp"
#include "ledger/terms.hpp"

namespace eventy::ledger {

struct Evidence {
    std::vector<Record> records = {};          // by time
    std::map<Place, StoredState> stored = {};  // of each group of each type of each server, when nobody works any more
    Terms terms = {};
};

enum class Must {
    nothing_lost,
    no_duplicate,
    no_stale_settle,
    all_explained,
    one_state,
    death_in_time,
    return_in_time,
    start_in_time,
    expiry_counted
};
constexpr std::size_t musts = 9;

/// A must that is broken.
struct Finding {
    Must must = Must::nothing_lost;
    std::string token = {};   // of the event, or empty
    std::string who = {};     // the worker that it is about, or empty
    Place where = {};         // the group
    Micros from = 0, to = 0;  // when it happened; 0 where the event's own records say it
    std::string words = {};
};

/// The longest of several times, and how many there were.
struct Longest {
    Micros time = -1;
    Micros raw = -1;  // without excuses: from the event itself, not from the first free worker
    int count = 0;
    int at_once = 0;  // counted from the event itself, because a worker was free all the time

    void add(Micros one, Micros without_excuses) {
        time = std::max(time, one);
        raw = std::max(raw, without_excuses);
        ++count;
        at_once += one == without_excuses ? 1 : 0;
    }
    void add(const Longest& other) {
        time = std::max(time, other.time);
        raw = std::max(raw, other.raw);
        count += other.count;
        at_once += other.at_once;
    }
};

/// What is said of each group by itself, too.
struct GroupFigures {
    Place place = {};
    std::int64_t processed = 0, given_up = 0, handled_again = 0;
    Longest after_death = {}, first_start = {};
};

struct Verdict {
    std::int64_t acked = 0, unknown = 0, unknown_there = 0, never_told = 0, stored = 0;
    std::int64_t processed = 0, given_up = 0, unfinished = 0;
    std::int64_t lost_with_redis = 0;  // within what the fsync setting allows
    Micros lost_oldest = 0;            // how long before the kill the oldest of them was confirmed
    std::int64_t refused_stale = 0;    // calls with a stale epoch that changed nothing, as they must
    std::int64_t handled_again = 0;
    std::map<std::string, std::int64_t> reasons = {};    // of handled_again
    std::int64_t retried = 0;                            // by hand, where that changed something
    std::int64_t discarded = 0;                          // events that were given up because somebody discarded them
    std::int64_t gone_processed = 0, gone_given_up = 0;  // of processed and given_up those that vanished later
    std::int64_t expired = 0;                            // gone before they were processed or given up
    std::int64_t ended_late = 0;                         // processed by who still held them when they were gone
    std::int64_t counted_expired = 0;                    // as the queues say
    Longest after_death = {}, after_return = {};
    Longest first_start =
        {};  // from the publishing or a retry by hand, or the first free worker after it, to the next start
    std::map<std::string, std::int64_t> faults = {};
    std::vector<Finding> findings = {};
    std::vector<GroupFigures> groups = {};

    std::int64_t broken(Must) const;
    /// How many of them concern this group.
    std::int64_t broken(Must, const Place&) const;
};

/// Each group of each server for itself, and then all together.
Verdict audit(const Evidence&);

/// Whether a record has to do with what happens in this group: it says so, or it is about all of something that the
/// group belongs to.
bool concerns(const Record&, const Place& group);

}  // namespace eventy::ledger
