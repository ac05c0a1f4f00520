// What all roles and the audit agree on.
#pragma once
#include <chrono>
#include <cstdint>
#include <eventy/eventy.hpp>
#include <string>

namespace eventy::ledger {

/// The payload: who published it, and which of his events it is. No token is published by two calls.
struct Entry {
    static constexpr std::string_view event_name = "Entry";
    std::string token;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Entry, token)

inline constexpr const char* key_prefix = "ledger";
inline constexpr const char* queue_type = "Entry";
inline constexpr const char* queue_group = "default";
/// Its events are published so that every worker has something to do when Redis returns; their handlers are plain.
inline constexpr std::string_view feeder = "feed";

/// The note of the SIGTERM that is no fault.
inline constexpr const char* end_of_run = "the end";

/// r1, r2 ...; from 1.
inline std::string name_of_server(int number) { return 'r' + std::to_string(number); }

struct Terms {
    std::chrono::milliseconds lease{2000};
    std::chrono::milliseconds handler_timeout{3000};
    int concurrency = 4;
    int max_attempts = 3;
    int max_lost_leases = 3;
    /// What a loaded machine may add to the two bounds on time.
    std::chrono::milliseconds slack{0};
    /// 0: Redis loses nothing. Else: it may lose what it confirmed so long before it was killed.
    std::chrono::milliseconds may_lose{0};
};

}  // namespace eventy::ledger
