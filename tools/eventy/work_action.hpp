// What `eventy work` does with an event: run a command, or print it.
#pragma once
#include <eventy/context.hpp>
#include <eventy/records.hpp>
#include <eventy/retry.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace eventy::cli {

/// Thrown when not this event but the action itself cannot go on: the worker hands the event back and ends.
struct Unusable : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Thread-safe.
class WorkAction {
public:
    virtual ~WorkAction() = default;
    /// Throws for an event that failed (Retry and Reject where the action decides), HandBack for one that was not done,
    /// Unusable.
    virtual void run(const QueueEvent<std::string>&, Context&) = 0;
    /// What runs is to end soon, or at once; what has to be cut short for that throws HandBack.
    virtual void stop() {}
    virtual void kill() {}
};

/// Exit statuses by which a command decides about its event; sysexits.h calls them EX_TEMPFAIL and EX_DATAERR.
inline constexpr int status_for_retry = 75, status_for_reject = 65;

/// The backoff of the policy gives the wait of an event whose command asked for a retry. Throws UsageError when there
/// is no such program.
std::unique_ptr<WorkAction> make_command_action(std::string type, std::vector<std::string> command, RetryPolicy);
/// One JSON line for each event on stdout, written whole before the event counts as processed.
std::unique_ptr<WorkAction> make_print_action(std::string type);

}  // namespace eventy::cli
