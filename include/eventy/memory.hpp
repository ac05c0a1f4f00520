// A store in this process's memory, for tests and for programs that need no Redis yet.
#pragma once
#include <eventy/timestamp.hpp>
#include <functional>
#include <memory>

namespace eventy {
namespace detail {
class Backend;
}
namespace memory {

struct StoreOptions {
    /// What the time is, for stamps, leases and expiry; empty: the system clock. Called from the store's thread, must
    /// not throw.
    std::function<Timestamp()> clock = {};
};

/// What Redis is to a `RedisEventQueue`, inside this process. Share one between the queues that are to see each other.
/// Everything in it ends with the last queue and handle on it. Thread-safe.
class Store {
public:
    explicit Store(StoreOptions = {});
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    /// For the library's own use.
    const std::shared_ptr<detail::Backend>& backend() const { return backend_; }

private:
    std::shared_ptr<detail::Backend> backend_;
};

}  // namespace memory
}  // namespace eventy
