// Compares the ledger with Redis for one group of one type on one server: a pure function.
#pragma once
#include <vector>

#include "ledger/audit.hpp"

namespace eventy::ledger {

struct GroupEvidence {
    Place place = {};
    bool tells_publishing = true;      // the first group of its type: what was published is counted there
    bool tells_returns = true;         // the first group of its server: the workers' returns are measured there
    std::vector<Record> records = {};  // those that concern it, and what other groups run on its server; by time
    const StoredState& stored;
    const Terms& terms;
};

Verdict audit_group(const GroupEvidence&);

}  // namespace eventy::ledger
