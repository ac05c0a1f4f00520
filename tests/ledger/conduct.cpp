#include "ledger/conduct.hpp"

#include <string>

#include "ledger/choices.hpp"
#include "ledger/terms.hpp"

namespace eventy::ledger {

Conduct conduct_for(std::uint64_t seed, std::string_view token, int attempt, std::string_view worker) {
    if (token.starts_with(feeder)) {
        return Conduct::quick;
    }
    // Slow for every worker, so that a zombie meets the one who has its event now.
    const auto of_token = draw(seed, token);
    if (of_token % 4000 == 0) {
        return Conduct::kills_always;
    }
    if (of_token % 10000 < 150) {
        return Conduct::slow_to_the_end;
    }
    if (of_token % 10000 < 250) {
        return Conduct::slow;
    }
    const std::string words = std::string(token) + ' ' + std::to_string(attempt) + ' ' + std::string(worker);
    // Of 10,000.
    auto chance = static_cast<int>(draw(seed, words) % 10000);
    const auto falls_into = [&chance](int share) { return (chance -= share) < 0; };
    if (falls_into(200)) {
        return Conduct::fails;
    }
    if (falls_into(60)) {
        return Conduct::asks_for_retry;
    }
    if (falls_into(20)) {
        return Conduct::rejects;
    }
    if (falls_into(12)) {
        return Conduct::crashes;
    }
    if (falls_into(12)) {
        return Conduct::hangs;
    }
    if (falls_into(6)) {
        return Conduct::hangs_deaf;
    }
    return Conduct::quick;
}

}  // namespace eventy::ledger
