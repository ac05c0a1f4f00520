// The two bounds on time.
#pragma once
#include "ledger/audit.hpp"
#include "ledger/timeline.hpp"

namespace eventy::ledger {

void check_times(const Evidence&, const Timeline&, Verdict&);

}  // namespace eventy::ledger
