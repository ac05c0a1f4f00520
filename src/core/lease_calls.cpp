#include "core/lease_calls.hpp"

#include <utility>

#include "core/answer.hpp"

namespace eventy::detail {

namespace {

/// Runs `ask(store, deadline, callback)` on the I/O thread and waits until it is known whether the lease is held.
template <class Ask>
void ask_with_lease(const std::shared_ptr<QueueContext>& context, Lease lease, const std::string& doing, Ask ask) {
    const auto held = call_and_wait<StillHeld>(context->backend->io(),
                                               [context, ask = std::move(ask)](Callback<StillHeld> done) mutable {
                                                   if (context->store) {
                                                       ask(*context->store, context->call_deadline(), std::move(done));
                                                   } else {
                                                       done(Failure{errc::closed, "the queue is closed"});
                                                   }
                                               });
    if (held.empty() || !held[0]) {
        throw LeaseLost(errc::lease_lost, "cannot " + doing + " of event " + std::to_string(lease.id) + " of " +
                                              context->describe() + ": another worker has it, or it was settled");
    }
}

}  // namespace

void extend_lease(const std::shared_ptr<QueueContext>& context, const std::string& group, Lease lease,
                  milliseconds time) {
    if (time <= milliseconds(0) || time > std::chrono::hours(24)) {
        throw Error(errc::invalid_argument, "cannot extend a lease by " + std::to_string(time.count()) +
                                                " ms; it must be over 0 and at most 1 day");
    }
    ask_with_lease(context, lease, "extend the lease",
                   [group, lease, time](Store& store, Deadline deadline, Callback<StillHeld> done) {
                       store.renew({.group = group, .lease = time, .leases = {lease}, .deadline = deadline},
                                   std::move(done));
                   });
}

void store_progress(const std::shared_ptr<QueueContext>& context, const std::string& group, Lease lease,
                    double fraction, std::string note) {
    if (!(fraction >= 0 && fraction <= 1)) {
        throw Error(errc::invalid_argument, "progress is " + std::to_string(fraction) + "; it must be 0 to 1");
    }
    ask_with_lease(
        context, lease, "store the progress",
        [group, lease, fraction, note = std::move(note)](Store& store, Deadline deadline, Callback<StillHeld> done) {
            store.progress({.group = group, .lease = lease, .fraction = fraction, .note = note, .deadline = deadline},
                           std::move(done));
        });
}

}  // namespace eventy::detail
