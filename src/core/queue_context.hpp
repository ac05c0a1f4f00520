// What all parts of one open queue share.
#pragma once
#include <memory>
#include <string>

#include <eventy/detail/queue.hpp>
#include "core/handler_pool.hpp"

#include "store/store.hpp"

namespace eventy::detail {

/// Immutable but for `store`, which belongs to the I/O thread and is gone once the queue has ended.
struct QueueContext {
    std::shared_ptr<Backend> backend;
    QueueName name;
    QueueSettings settings;
    std::string worker_id;
    std::shared_ptr<HandlerPool> pool;
    std::unique_ptr<Store> store = {};

    Deadline call_deadline() const { return std::chrono::steady_clock::now() + backend->command_timeout(); }
    /// "OrderEvent (prefix eventy) on redis 127.0.0.1:6379/0"
    std::string describe() const { return name.type + " (prefix " + name.prefix + ") on " + backend->describe(); }
};

}  // namespace eventy::detail
