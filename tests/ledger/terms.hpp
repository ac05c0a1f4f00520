// What all roles and the audit agree on.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <eventy/eventy.hpp>
#include <string>
#include <string_view>

namespace eventy::ledger {

/// The payload: who published it, and which of his events it is. No token is published by two calls, but for those with
/// a dedup_key.
struct Entry {
    static constexpr std::string_view event_name = "Entry";
    std::string token;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Entry, token)

/// The second type; the same.
struct Chore {
    static constexpr std::string_view event_name = "Chore";
    std::string token;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Chore, token)

/// The third type, whose events expire within a run. It has a queue of its own everywhere, with threads of its own, and
/// the workers take its events only now and then: see `flashes_are_taken`.
struct Flash {
    static constexpr std::string_view event_name = "Flash";
    std::string token;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Flash, token)

inline constexpr std::chrono::milliseconds flash_ttl{3500};
inline constexpr std::chrono::milliseconds usual_ttl = std::chrono::hours(24);

inline std::chrono::milliseconds ttl_of(std::string_view type) {
    return type == Flash::event_name ? flash_ttl : usual_ttl;
}

/// All workers rest at the same time, for longer than the TTL, so that some events expire before anybody had them. The
/// time is that of the machine's steady clock, in us.
inline bool flashes_are_taken(std::int64_t steady_us) { return steady_us % 8'000'000 < 3'000'000; }

inline constexpr std::string_view default_group = "default";
/// The second group of Entry. Its handlers are long: whom do they make wait?
inline constexpr std::string_view long_group = "long";

struct GroupOfType {
    std::string_view type, group;
};
/// On each server. The first of a type tells what was published.
inline constexpr std::array<GroupOfType, 4> groups = {{
    {Chore::event_name, default_group},
    {Flash::event_name, default_group},
    {Entry::event_name, default_group},
    {Entry::event_name, long_group},
}};

/// Every other worker has a manager on each server, whose types share its threads; the rest have a queue for each type.
/// The groups of one queue share its threads in any case.
inline bool has_manager(std::string_view worker) { return worker.size() > 1 && (worker[1] - '0') % 2 == 1; }

inline constexpr const char* key_prefix = "ledger";
/// Its events are published so that every worker has something to do when Redis returns; their handlers are plain.
inline constexpr std::string_view feeder = "feed";

/// The note of the SIGTERM that is no fault.
inline constexpr const char* end_of_run = "the end";

/// r1, r2 ...; from 1.
inline std::string name_of_server(int number) { return 'r' + std::to_string(number); }

struct Terms {
    std::chrono::milliseconds lease{2000};
    std::chrono::milliseconds handler_timeout{3000};
    int concurrency = 8;
    int max_attempts = 3;
    int max_lost_leases = 3;
    /// What a loaded machine may add to the bounds on time.
    std::chrono::milliseconds slack{0};
    /// 0: Redis loses nothing. Else: it may lose what it confirmed so long before it was killed.
    std::chrono::milliseconds may_lose{0};
};

}  // namespace eventy::ledger
