// What the handler does with an event, drawn from the seed.
#pragma once
#include <cstdint>
#include <string_view>

#include "ledger/terms.hpp"

namespace eventy::ledger {

enum class Conduct {
    quick,
    slow_to_the_end,  // up to 2.4 s, and then it returns at once: also where it was stopped and has lost its lease
                      // meanwhile
    slow,             // up to 1.2 s, with fenced calls in between
    fails,            // throws
    asks_for_retry,
    rejects,
    hangs,         // until its stop token fires
    hangs_deaf,    // for longer than handler_timeout, whatever its stop token says
    crashes,       // the process ends at once
    kills_always,  // crashes every worker that it meets
};

/// The same for the same arguments.
Conduct conduct_for(std::uint64_t seed, std::string_view token, int attempt, std::string_view worker,
                    const GroupOfType&);

}  // namespace eventy::ledger
