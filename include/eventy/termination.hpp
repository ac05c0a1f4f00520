// Waiting for the end of a worker program.
#pragma once

namespace eventy {

/// Blocks until SIGINT or SIGTERM and returns its number; also one that came since the process's first use of the
/// library's headers is not lost. May be called from one thread at a time, more than once.
int wait_for_termination();

}  // namespace eventy
