// Retries by hand: each of those that were asked for counts once.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ledger/group_audit.hpp"

namespace eventy::ledger {

class RetriesByHand {
public:
    explicit RetriesByHand(const std::vector<Record>&);

    /// Whether somebody had begun to ask for one in this time, and was not refused.
    bool asked(const std::string& token, Micros from, Micros to) const;
    /// When the last one that had been asked for before this time was confirmed, if it was.
    std::optional<Micros> confirmed(const std::string& token, Micros asked_before) const;
    /// Against those that Redis knows.
    void check(const StoredState&, Verdict&) const;

private:
    struct Call {
        Micros asked = 0;
        std::optional<Micros> answered = {};  // nothing: its outcome is unknown
        std::string note = {};
    };
    std::map<std::string, std::vector<Call>> calls_;  // of each token
};

}  // namespace eventy::ledger
