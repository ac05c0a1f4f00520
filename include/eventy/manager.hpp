// Several event types on one connection.
#pragma once
#include <cstdint>
#include <eventy/detail/manager.hpp>
#include <eventy/event_name.hpp>
#include <eventy/queue.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeindex>
#include <utility>
#include <vector>

namespace eventy {

template <class T>
SerializerPtr<T> make_serializer(Format);

/// A copyable handle on a set of queues that share one connection, prefix and pool of handler threads. Thread-safe. The
/// last handle closes the queues that are used through nothing else.
class QueueManager {
public:
    /// Opens the type's queue, in the manager's format, and puts the type into the registry. Again for the same T: does
    /// nothing. Throws `name_taken` when another T has that name here, `invalid_argument`, `ConnectionError`,
    /// `TimeoutError`.
    template <class T>
    void register_type(std::string event_type = std::string(event_name<T>)) const {
        register_type<T>(make_serializer<T>(manager_->format()), std::move(event_type));
    }
    template <class T>
    void register_type(SerializerPtr<T> serializer, std::string event_type = std::string(event_name<T>)) const {
        detail::require_serializer(serializer.get() != nullptr);
        manager_->add(std::move(event_type), typeid(T), [&](std::shared_ptr<detail::Queue> queue) {
            return std::shared_ptr<void>(new EventQueue<T>({std::move(queue), serializer.get()}),
                                         [](void* handle) { delete static_cast<EventQueue<T>*>(handle); });
        });
    }

    /// The manager's own handle, good until the type is deregistered or the manager ends; copy it to keep it longer.
    /// Throws `type_not_registered`, and `name_taken` when the name is registered for another T.
    template <class T>
    EventQueue<T>& get_event_queue(std::string_view event_type = event_name<T>) const {
        return *static_cast<EventQueue<T>*>(manager_->find(event_type, typeid(T)));
    }

    /// Takes the type out of the registry and drops the manager's handle. Its events stay. Throws
    /// `type_not_registered`.
    template <class T>
    void deregister_type(std::string_view event_type = event_name<T>) const {
        manager_->remove(event_type, typeid(T));
    }

    /// All registered types under the prefix, also those of other processes, sorted.
    std::vector<std::string> get_queue_types() const { return manager_->types(); }

    /// Closes all queues (see `EventQueue::close`) within the timeout. True: all handlers ended. In a
    /// handler of one of them: `would_deadlock`, and none is closed.
    bool close(milliseconds timeout = std::chrono::seconds(30)) const { return manager_->close(timeout); }

protected:
    struct Parts {
        std::shared_ptr<detail::Manager> manager;
    };
    explicit QueueManager(Parts parts) : manager_(std::move(parts.manager)) {}

private:
    friend QueueManager open_manager(std::string_view, struct ManagerOptions);
    std::shared_ptr<detail::Manager> manager_;
};

/// For `open_manager`; the fields are those of `RedisQueueOptions`. In memory `publish_timeout`
/// and `publish_buffer_bytes` have no effect.
struct ManagerOptions {
    Format serializer = Format::json;
    std::string key_prefix = "eventy";
    milliseconds event_ttl = std::chrono::hours(24);
    std::optional<int> concurrency = {};
    bool lazy_connect = false;
    RetryPolicy retry = {};
    milliseconds handler_timeout{0};
    std::optional<milliseconds> publish_timeout = {};
    std::int64_t publish_buffer_bytes = std::int64_t{64} * 1024 * 1024;
    std::int64_t max_payload_bytes = std::int64_t{16} * 1024 * 1024;
};

/// As `RedisQueueOptions`, for each of its queues; `concurrency` counts the handlers of all of them together.
struct RedisManagerOptions {
    std::shared_ptr<redis::Client> redis_client = {};
    Format serializer = Format::json;
    std::string key_prefix = "eventy";
    milliseconds event_ttl = std::chrono::hours(24);
    std::optional<int> concurrency = {};
    milliseconds lease{10000};
    bool lazy_connect = false;
    RetryPolicy retry = {};
    milliseconds handler_timeout{0};
    std::optional<milliseconds> publish_timeout = {};
    std::int64_t publish_buffer_bytes = std::int64_t{64} * 1024 * 1024;
    std::int64_t max_payload_bytes = std::int64_t{16} * 1024 * 1024;
};

struct MemoryManagerOptions {
    std::shared_ptr<memory::Store> store = {};
    Format serializer = Format::json;
    std::string key_prefix = "eventy";
    milliseconds event_ttl = std::chrono::hours(24);
    std::optional<int> concurrency = {};
    RetryPolicy retry = {};
    milliseconds handler_timeout{0};
    std::int64_t max_payload_bytes = std::int64_t{16} * 1024 * 1024;
};

/// Throws as `RedisEventQueue`'s constructor.
struct RedisQueueManager final : QueueManager {
    RedisQueueManager();
    explicit RedisQueueManager(RedisManagerOptions);
};

struct MemoryQueueManager final : QueueManager {
    MemoryQueueManager();
    explicit MemoryQueueManager(MemoryManagerOptions);
};

/// `redis://...` and `unix://...` as `redis::ClientOptions::from_url` reads them; `memory://` is a fresh store each
/// time. Another scheme: `invalid_argument`.
QueueManager open_manager(std::string_view url, ManagerOptions = {});

}  // namespace eventy
