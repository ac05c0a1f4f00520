// What was published must be there, once.
#pragma once
#include <optional>
#include <vector>

#include "ledger/group_audit.hpp"

namespace eventy::ledger {

/// What a killed Redis may have lost, where its setting allows that.
class RedisLosses {
public:
    RedisLosses(const std::vector<Record>&, const Terms&);

    /// How long before a kill of Redis it was confirmed, where the setting allows that it is lost with it.
    std::optional<Micros> may_be_lost(Micros begun, Micros confirmed) const;

private:
    std::vector<Micros> kills_;
    Micros may_lose_;
};

void check_published(const GroupEvidence&, const RedisLosses&, Verdict&);

}  // namespace eventy::ledger
