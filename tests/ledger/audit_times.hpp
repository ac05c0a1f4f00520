// The bounds on time.
#pragma once
#include "ledger/group_audit.hpp"
#include "ledger/timeline.hpp"

namespace eventy::ledger {

void check_times(const GroupEvidence&, const Timeline&, Verdict&);

}  // namespace eventy::ledger
