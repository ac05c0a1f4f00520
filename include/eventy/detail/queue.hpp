// The queue on bytes: what the typed face of EventQueue<T> calls. Not for users.
#pragma once
#include <cstddef>
#include <cstdint>
#include <eventy/context.hpp>
#include <eventy/error.hpp>
#include <eventy/records.hpp>
#include <eventy/retry.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <typeindex>
#include <vector>

namespace eventy {
class Subscription;
namespace detail {

class Backend;
class QueueCore;
enum class ByHand;

inline constexpr std::size_t most_events_a_publish = 1000;

/// What stays of a publish beside the payload.
struct Receipt {
    EventId id = 0;
    Timestamp created_at = {};
    bool repeated = false;  // published before, under the same dedup_key; the same for all of one call
};

/// An event whose payload is still bytes. `payload` of the wrapped event is the text; `unreadable` says why there is
/// none.
struct RawEvent {
    QueueEvent<std::string> event = {};
    std::string unreadable = {};
};

struct RawPage {
    std::vector<RawEvent> items = {};
    std::optional<std::string> next_page_id = {};
};

/// Decodes once per event, calls one subscriber. `decoded` is shared by the subscribers that meet the same event and
/// is filled by the first.
using RawHandler = std::function<void(const RawEvent&, std::shared_ptr<void>& decoded, Context&)>;

struct QueueSettings {
    std::string event_type = {};
    std::string key_prefix = {};
    milliseconds event_ttl{0};
    std::optional<int> concurrency = {};
    milliseconds lease{10000};
    bool lazy_connect = false;
    RetryPolicy retry = {};
    milliseconds handler_timeout{0};
    std::optional<milliseconds> publish_timeout = {};
    std::int64_t publish_buffer_bytes = std::int64_t{64} * 1024 * 1024;
    std::int64_t max_payload_bytes = std::int64_t{16} * 1024 * 1024;
};

/// One open queue; its destructor is the last handle's. All members may be called from any thread and block; they throw
/// `Error`.
class Queue {
public:
    /// Checks the settings (`invalid_argument`), claims the name for the C++ type (`name_taken`), and waits for the
    /// server unless `lazy_connect` (`ConnectionError`).
    static std::shared_ptr<Queue> open(std::shared_ptr<Backend>, QueueSettings, std::type_index payload_type);
    explicit Queue(std::shared_ptr<QueueCore>);
    ~Queue();
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;

    const std::string& worker_id() const;
    std::vector<Receipt> publish(std::vector<std::string> payloads, const PublishOptions&) const;
    /// The event, or EventNotFound. It may be `unreadable`.
    RawEvent get_event(EventId) const;
    std::vector<std::optional<RawEvent>> get_events(std::span<const EventId>) const;
    RawPage search_events(const EventFilter&, const PageRequest&) const;
    std::int64_t count_events(const EventFilter&) const;
    Subscription subscribe(std::vector<RawHandler>, const SubscribeOptions&) const;
    bool unsubscribe(std::string_view id) const;
    SubscriberInfo get_subscriber(std::string_view id) const;
    Page<SubscriberInfo> search_subscribers(const PageRequest&) const;
    Subscription watch(std::function<void(const EventNotice&)>, std::function<void()> on_gap) const;
    QueueStats stats() const;
    bool retry_event(EventId) const;
    std::int64_t retry_all(EventFilter, const std::function<void(const BulkProgress&)>&) const;
    bool discard(EventId) const;
    std::int64_t discard_all(EventFilter, const std::function<void(const BulkProgress&)>&) const;
    bool wait_idle(milliseconds) const;
    bool close(milliseconds timeout) const;

    /// "event 17 of OrderEvent on redis 127.0.0.1:6379/0", for messages.
    std::string describe_event(EventId) const;

private:
    [[noreturn]] void throw_not_found(EventId) const;
    std::int64_t in_steps(const std::vector<EventFilter>&, const std::function<void(const BulkProgress&)>&,
                          const std::function<std::vector<ByHand>(std::vector<EventId>)>& change) const;

    std::shared_ptr<QueueCore> core_;
};

}  // namespace detail
}  // namespace eventy
