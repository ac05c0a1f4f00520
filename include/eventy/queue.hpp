// Queues, without JSON: an EventQueue<T> of an incomplete T can be a member. <eventy/eventy.hpp> brings all.
#pragma once
#include <cstdint>
#include <eventy/error.hpp>
#include <eventy/event_name.hpp>
#include <eventy/event_queue.hpp>
#include <eventy/log.hpp>
#include <eventy/memory.hpp>
#include <eventy/redis.hpp>
#include <eventy/retry.hpp>
#include <eventy/termination.hpp>
#include <memory>
#include <optional>
#include <string>
#include <typeindex>
#include <utility>

namespace eventy {

/// Out of range (see each field): `invalid_argument` from the queue's constructor.
template <class T>
struct RedisQueueOptions {
    /// Stands in the keys. 1 to 200 bytes of UTF-8; no ':', braces, glob characters, spaces or control characters.
    std::string event_type = std::string(event_name<T>);
    std::shared_ptr<redis::Client> redis_client = {};  ///< none: one of its own, on 127.0.0.1:6379
    SerializerPtr<T> serializer = {};
    /// Begins every key. 1 to 200 bytes of UTF-8; no glob, space or control characters; at most one {hash tag}.
    std::string key_prefix = "eventy";
    /// How long an event is kept from its publishing, or from its failure. Up to 100 years.
    milliseconds event_ttl = std::chrono::hours(24);
    std::optional<int> concurrency = {};  ///< handlers at once, 1 to 1,024; none: the number of hardware threads
    /// For how long a worker that fell silent keeps its events. 50 ms to 1 day; renewed at a third of it.
    milliseconds lease{10000};
    bool lazy_connect = false;  ///< do not wait for the server in the constructor
    RetryPolicy retry = {};     ///< what happens to events whose handler fails
    /// How long a handler may run: then its stop token fires and the attempt has failed, whatever it still does. Its
    /// thread is back when it returns. 0: as long as it likes; else up to 30 days.
    milliseconds handler_timeout{0};
    /// How long a publish may take, while Redis is away included; then `TimeoutError`, which says whether the event may
    /// have been published. None: the client's `command_timeout`. 0: it does not wait for a connection, but fails at
    /// once with `ConnectionError` when there is none; one that was sent is waited for. Up to 24 h.
    std::optional<milliseconds> publish_timeout = {};
    /// How much may wait while Redis is away: the bytes of the payloads, keys and headers. A publish that would be over
    /// it fails at once with `ConnectionError`; one that is larger may wait alone.
    std::int64_t publish_buffer_bytes = std::int64_t{64} * 1024 * 1024;
    /// How large a payload may be. A publish of a larger one throws `payload_too_large`; a stored event with a larger
    /// one is not read: it becomes ERROR where this queue's worker meets it, and is `unreadable` to a search. 1 byte to
    /// 32 MiB; the same for all that use the event type.
    std::int64_t max_payload_bytes = std::int64_t{16} * 1024 * 1024;
};

namespace detail {

template <class Options>
QueueSettings settings_of(Options& options) {
    QueueSettings settings{.event_type = std::move(options.event_type),
                           .key_prefix = std::move(options.key_prefix),
                           .event_ttl = options.event_ttl,
                           .concurrency = options.concurrency,
                           .lease = options.lease,
                           .retry = std::move(options.retry),
                           .handler_timeout = options.handler_timeout,
                           .max_payload_bytes = options.max_payload_bytes};
    if constexpr (requires { options.lazy_connect; }) {
        settings.lazy_connect = options.lazy_connect;
    }
    if constexpr (requires { options.publish_timeout; }) {
        settings.publish_timeout = options.publish_timeout;
        settings.publish_buffer_bytes = options.publish_buffer_bytes;
    }
    return settings;
}

/// Throws `invalid_argument` for an empty one.
void require_serializer(bool there);

}  // namespace detail

/// A queue on Redis. Constructors only: pass and keep it as `EventQueue<T>`.
template <class T>
struct RedisEventQueue final : EventQueue<T> {
    RedisEventQueue() : RedisEventQueue(RedisQueueOptions<T>{}) {}
    /// Checks that the server is there and usable, for up to the client's `connect_timeout`, unless `lazy_connect`.
    /// Throws `ConnectionError`, `invalid_argument`, `name_taken`.
    explicit RedisEventQueue(RedisQueueOptions<T> options) : EventQueue<T>(open(options)) {}

private:
    static typename EventQueue<T>::Parts open(RedisQueueOptions<T>& options) {
        detail::require_serializer(options.serializer.get() != nullptr);
        auto backend = options.redis_client ? options.redis_client->backend() : redis::Client().backend();
        return {detail::Queue::open(std::move(backend), detail::settings_of(options), typeid(T)),
                options.serializer.get()};
    }
};

/// As `RedisQueueOptions`.
template <class T>
struct MemoryQueueOptions {
    std::string event_type = std::string(event_name<T>);
    std::shared_ptr<memory::Store> store = {};  ///< none: one of its own
    SerializerPtr<T> serializer = {};
    std::string key_prefix = "eventy";
    milliseconds event_ttl = std::chrono::hours(24);
    std::optional<int> concurrency = {};
    milliseconds lease{10000};
    RetryPolicy retry = {};
    milliseconds handler_timeout{0};
    std::int64_t max_payload_bytes = std::int64_t{16} * 1024 * 1024;
};

/// A queue in this process's memory. Constructors only: pass and keep it as `EventQueue<T>`.
template <class T>
struct MemoryEventQueue final : EventQueue<T> {
    MemoryEventQueue() : MemoryEventQueue(MemoryQueueOptions<T>{}) {}
    /// Throws `invalid_argument`, `name_taken`.
    explicit MemoryEventQueue(MemoryQueueOptions<T> options) : EventQueue<T>(open(options)) {}

private:
    static typename EventQueue<T>::Parts open(MemoryQueueOptions<T>& options) {
        detail::require_serializer(options.serializer.get() != nullptr);
        auto backend = options.store ? options.store->backend() : memory::Store().backend();
        return {detail::Queue::open(std::move(backend), detail::settings_of(options), typeid(T)),
                options.serializer.get()};
    }
};

}  // namespace eventy

#include <eventy/manager.hpp>
