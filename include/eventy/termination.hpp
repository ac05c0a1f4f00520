// Waiting for the end of a worker program.
#pragma once

namespace eventy {

/// Blocks until the process gets SIGINT or SIGTERM, and returns its number; at once when one came before the call, at
/// any time since the program started. Call it from one thread at a time, as often as you like; several signals of one
/// number that nobody has waited for yet count as one.
///
/// A program that contains a call of this function catches both signals from its start on (one that does not is left
/// alone). Where such a program does other work first or instead, a SIGINT that nobody waits for does not end it; a
/// second one, at least a second later, does. To have the usual effect back in modes that never wait, write
/// `std::signal(SIGINT, SIG_DFL)`, and the same for SIGTERM; the next call catches them again.
int wait_for_termination();

}  // namespace eventy
