// What is gone: not before its time, and accounted for.
#pragma once
#include "ledger/audit_published.hpp"
#include "ledger/group_audit.hpp"
#include "ledger/timeline.hpp"

namespace eventy::ledger {

/// Of one group.
void check_expiry(const GroupEvidence&, const Timeline&, const RedisLosses&, Verdict&);

}  // namespace eventy::ledger
