// The bounds on time.
#pragma once
#include "ledger/audit_retries.hpp"
#include "ledger/group_audit.hpp"
#include "ledger/timeline.hpp"

namespace eventy::ledger {

void check_times(const GroupEvidence&, const Timeline&, const RetriesByHand&, Verdict&);

}  // namespace eventy::ledger
