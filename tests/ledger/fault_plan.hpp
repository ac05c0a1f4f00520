// Which faults there will be, and when: a pure function of the seed.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace eventy::ledger {

enum class FaultKind {
    kill_worker,
    kill_publisher,
    stop_worker,       // SIGSTOP for longer than a lease, then SIGCONT
    terminate_worker,  // SIGTERM, as a deploy does
    cut,
    stall,
    silence_replies,
    silence_requests,
    client_kill,
    script_flush,
    kill_redis,
};

struct Fault {
    std::chrono::milliseconds at{0};  // from the beginning
    FaultKind kind = FaultKind::kill_worker;
    std::string target = {};  // a slot, such as w2 or p1; empty for what strikes Redis
    std::chrono::milliseconds lasts{0};
    int server = 0;  // from 1: the one that it strikes, or the way to it; 0 where it strikes a whole process

    bool operator==(const Fault&) const = default;
};

struct PlanTerms {
    std::uint64_t seed = 0;
    std::chrono::milliseconds time{60000}, lease{2000};
    int publishers = 3, workers = 4, servers = 1;
};

/// In time order. Each kind comes again and again, in an order that the seed decides; after a kill of Redis there is
/// time enough to see every worker return.
std::vector<Fault> plan_faults(const PlanTerms&);

std::string describe(const Fault&);

}  // namespace eventy::ledger
