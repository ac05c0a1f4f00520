// The processes of the experiment: the program runs itself in one of these roles.
#pragma once
#include "ledger/options.hpp"

namespace eventy::ledger {

/// Publishes `count` events from number `first` on, as fast as the experiment wants. Returns the exit status.
int run_publisher(const Options&);

/// Processes events until SIGTERM. Returns the exit status.
int run_worker(const Options&);

}  // namespace eventy::ledger
