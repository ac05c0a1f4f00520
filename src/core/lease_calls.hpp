// What a handler asks of Redis for its own lease, and waits for.
#pragma once
#include <memory>
#include <string>

#include "core/queue_context.hpp"

namespace eventy::detail {

/// Both wait for Redis, on a handler's thread, and throw `LeaseLost` when the lease is not held any more,
/// `invalid_argument`, and what calls throw.
void extend_lease(const std::shared_ptr<QueueContext>&, const std::string& group, Lease, milliseconds time);
void store_progress(const std::shared_ptr<QueueContext>&, const std::string& group, Lease, double fraction,
                    std::string note);

}  // namespace eventy::detail
