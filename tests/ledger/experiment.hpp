// Runs the processes, does the faults to them, and gathers the evidence.
#pragma once
#include <string>

#include "ledger/audit.hpp"
#include "ledger/options.hpp"

namespace eventy::ledger {

/// Takes as long as the options say and until everything is processed, at most 2 minutes more. The ledger's files are
/// in `folder`, in the end with the append-only file of each Redis: r1.aof ... Throws std::exception when the
/// experiment itself fails, or was interrupted.
Evidence run_experiment(const Options&, const std::string& folder);

/// The same evidence again, from the files of a run that was made with these terms; Redis still knows all of it as long
/// as no TTL of a day is over. Throws std::exception.
Evidence read_kept(const Options&, const std::string& folder);

}  // namespace eventy::ledger
