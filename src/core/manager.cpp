#include <eventy/manager.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <thread>

#include "core/names.hpp"
#include "core/queue_core.hpp"
#include "core/time_after.hpp"

namespace eventy {
namespace detail {

class ManagerCore {
public:
    struct Entry {
        std::type_index payload_type;
        std::shared_ptr<QueueCore> core;
        std::shared_ptr<void> handle;
    };

    ManagerCore(std::shared_ptr<Backend> its_backend, ManagerSettings its_settings)
        : backend(std::move(its_backend)), settings(std::move(its_settings)) {}

    /// In a forked child there is nothing here that may be touched.
    void require_home(const std::string& doing) const {
        if (!backend->io().is_at_home()) {
            throw_not_at_home(doing + " with the manager on " + backend->describe());
        }
    }

    /// With the mutex held.
    void require_open(const std::string& doing) const {
        if (closed) {
            throw Error(errc::closed, "cannot " + doing + ": the manager was closed");
        }
    }

    std::shared_ptr<Backend> backend;
    ManagerSettings settings;
    std::shared_ptr<HandlerPool> pool;
    std::mutex adding;  // one `add` at a time; `mutex` is never held while a server is waited for
    mutable std::mutex mutex;
    std::map<std::string, Entry, std::less<>> entries;
    bool closed = false;
};

Manager::Manager(std::shared_ptr<Backend> backend, ManagerSettings settings)
    : core_(std::make_unique<ManagerCore>(std::move(backend), std::move(settings))) {
    auto checked = core_->settings.queues;
    checked.event_type = "manager";  // a stand-in: the types come later, and are checked then
    check_settings(checked);
    core_->pool = std::make_shared<HandlerPool>(
        checked.concurrency.value_or(std::max(1, static_cast<int>(std::thread::hardware_concurrency()))));
    if (!checked.lazy_connect) {
        const Deadline deadline = std::chrono::steady_clock::now() + core_->backend->connect_timeout();
        call_and_wait<Done>(core_->backend->io(), [backend = core_->backend, deadline](Callback<Done> done) {
            backend->check(deadline, std::move(done));
        });
    }
}

Manager::~Manager() {
    if (!core_->backend->io().is_at_home()) {
        leave_alone(std::move(core_));
    }
}

Format Manager::format() const { return core_->settings.format; }

void Manager::add(std::string event_type, std::type_index payload_type, const MakeHandle& make_handle) {
    core_->require_home("register " + quoted(event_type));
    const std::lock_guard adding(core_->adding);
    {
        const std::lock_guard lock(core_->mutex);
        core_->require_open("register " + quoted(event_type));
        if (const auto entry = core_->entries.find(event_type); entry != core_->entries.end()) {
            if (entry->second.payload_type == payload_type) {
                return;
            }
            throw Error(errc::name_taken,
                        "the event type " + quoted(event_type) + " is registered for another C++ type");
        }
    }
    auto settings = core_->settings.queues;
    settings.event_type = event_type;
    auto queue = QueueCore::open(core_->backend, std::move(settings), payload_type, core_->pool);
    auto handle = make_handle(std::make_shared<Queue>(queue));
    queue->register_type();
    const std::lock_guard lock(core_->mutex);
    core_->require_open("register " +
                        quoted(event_type));  // still; else the queue ends with its handle, outside the lock
    core_->entries.emplace(std::move(event_type),
                           ManagerCore::Entry{payload_type, std::move(queue), std::move(handle)});
}

void* Manager::find(std::string_view event_type, std::type_index payload_type) const {
    core_->require_home("get the queue " + quoted(event_type));
    const std::lock_guard lock(core_->mutex);
    core_->require_open("get the queue " + quoted(event_type));
    const auto entry = core_->entries.find(event_type);
    if (entry == core_->entries.end()) {
        throw Error(errc::type_not_registered,
                    "the event type " + quoted(event_type) + " is not registered with this manager");
    }
    if (entry->second.payload_type != payload_type) {
        throw Error(errc::name_taken, "the event type " + quoted(event_type) + " is registered for another C++ type");
    }
    return entry->second.handle.get();
}

void Manager::remove(std::string_view event_type, std::type_index payload_type) {
    find(event_type, payload_type);
    const QueueName name{core_->settings.queues.key_prefix, std::string(event_type)};
    const Deadline deadline = std::chrono::steady_clock::now() + core_->backend->command_timeout();
    call_and_wait<Done>(core_->backend->io(), [backend = core_->backend, name, deadline](Callback<Done> done) {
        backend->remove_type(name, deadline, std::move(done));
    });
    ManagerCore::Entry removed{payload_type, nullptr, nullptr};  // ends outside the lock: it may wait for handlers
    const std::lock_guard lock(core_->mutex);
    if (const auto entry = core_->entries.find(event_type); entry != core_->entries.end()) {
        std::swap(removed, entry->second);
        core_->entries.erase(entry);
    }
}

std::vector<std::string> Manager::types() const {
    {
        const std::lock_guard lock(core_->mutex);
        core_->require_open("list the event types");
    }
    const Deadline deadline = std::chrono::steady_clock::now() + core_->backend->command_timeout();
    auto types = call_and_wait<std::vector<std::string>>(
        core_->backend->io(), [backend = core_->backend, prefix = core_->settings.queues.key_prefix,
                               deadline](auto done) { backend->list_types(prefix, deadline, std::move(done)); });
    std::sort(types.begin(), types.end());
    return types;
}

bool Manager::close(milliseconds timeout) {
    if (!core_->backend->io().is_at_home()) {
        return true;  // as QueueCore::close
    }
    const auto deadline = time_after(timeout);
    std::vector<std::shared_ptr<QueueCore>> queues;
    {
        const std::lock_guard lock(core_->mutex);
        for (const auto& [type, entry] : core_->entries) {
            if (entry.core->runs_on_this_thread()) {
                throw Error(errc::would_deadlock, "close() of a manager was called in a handler of its queue " +
                                                      quoted(type) + ", which it waits for");
            }
            queues.push_back(entry.core);
        }
        core_->closed = true;
    }
    bool all_ended = true;
    for (const auto& queue : queues) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
        all_ended = queue->close(std::max(left, milliseconds(0))) && all_ended;
    }
    return all_ended;
}

}  // namespace detail

namespace {

// Options by reference: were they moved into it, the move could come before the caller reads the client in them.
std::shared_ptr<detail::Manager> manager_on(std::shared_ptr<detail::Backend> backend,
                                            const RedisManagerOptions& options) {
    return std::make_shared<detail::Manager>(
        std::move(backend), detail::ManagerSettings{.format = options.serializer,
                                                    .queues = {.event_type = {},
                                                               .key_prefix = options.key_prefix,
                                                               .event_ttl = options.event_ttl,
                                                               .concurrency = options.concurrency,
                                                               .lease = options.lease,
                                                               .lazy_connect = options.lazy_connect,
                                                               .retry = options.retry,
                                                               .handler_timeout = options.handler_timeout,
                                                               .publish_timeout = options.publish_timeout,
                                                               .publish_buffer_bytes = options.publish_buffer_bytes,
                                                               .max_payload_bytes = options.max_payload_bytes}});
}

}  // namespace

RedisQueueManager::RedisQueueManager() : RedisQueueManager(RedisManagerOptions{}) {}

RedisQueueManager::RedisQueueManager(RedisManagerOptions options)
    : QueueManager(Parts{
          manager_on(options.redis_client ? options.redis_client->backend() : redis::Client().backend(), options)}) {}

MemoryQueueManager::MemoryQueueManager() : MemoryQueueManager(MemoryManagerOptions{}) {}

MemoryQueueManager::MemoryQueueManager(MemoryManagerOptions options)
    : QueueManager(Parts{manager_on(options.store ? options.store->backend() : memory::Store().backend(),
                                    {.redis_client = {},
                                     .serializer = options.serializer,
                                     .key_prefix = std::move(options.key_prefix),
                                     .event_ttl = options.event_ttl,
                                     .concurrency = options.concurrency,
                                     .retry = std::move(options.retry),
                                     .handler_timeout = options.handler_timeout,
                                     .max_payload_bytes = options.max_payload_bytes})}) {}

QueueManager open_manager(std::string_view url, ManagerOptions options) {
    const bool in_memory = url == "memory://";
    auto backend = in_memory ? memory::Store().backend() : redis::Client(redis::ClientOptions::from_url(url)).backend();
    return QueueManager(
        QueueManager::Parts{manager_on(std::move(backend), {.redis_client = {},
                                                            .serializer = options.serializer,
                                                            .key_prefix = std::move(options.key_prefix),
                                                            .event_ttl = options.event_ttl,
                                                            .concurrency = options.concurrency,
                                                            .lazy_connect = options.lazy_connect,
                                                            .retry = std::move(options.retry),
                                                            .handler_timeout = options.handler_timeout,
                                                            .publish_timeout = options.publish_timeout,
                                                            .publish_buffer_bytes = options.publish_buffer_bytes,
                                                            .max_payload_bytes = options.max_payload_bytes})});
}

}  // namespace eventy
