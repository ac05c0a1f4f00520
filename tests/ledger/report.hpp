// What people read at the end.
#pragma once
#include <string>
#include <vector>

#include "ledger/audit.hpp"

namespace eventy::ledger {

/// The one table.
std::string make_table(const Verdict&, const Terms&);

/// The records that concern the finding, in time order, at most `most` lines.
std::string tell_story(const Finding&, const Evidence&, std::size_t most = 40);

/// The stories of the findings: one for each must that is broken, and how many there are.
std::string tell_findings(const Verdict&, const Evidence&);

}  // namespace eventy::ledger
