// The typed face on each backend: the same tests, twice.
#pragma once
#include <gtest/gtest.h>
#include <eventy/eventy.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "support/redis_server.hpp"
#include "support/wordless.hpp"

namespace eventy::test {

using namespace std::chrono_literals;

struct Order {
    std::string order_id;
    double amount = 0;
    friend bool operator==(const Order&, const Order&) = default;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Order, order_id, amount)

/// A hang guard: no test depends on how long anything takes below it.
inline constexpr auto patience = 30s;

/// Collects what happens on other threads and waits for it.
template <class V>
class Seen {
public:
    void add(V value) {
        {
            const std::lock_guard lock(mutex_);
            values_.push_back(std::move(value));
        }
        changed_.notify_all();
    }
    /// What there is once there are `count`, or when patience ends.
    std::vector<V> wait_for(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, patience, [&] { return values_.size() >= count; });
        return values_;
    }
    std::vector<V> now() {
        const std::lock_guard lock(mutex_);
        return values_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<V> values_;
};

/// Something that happens once.
class Signal {
public:
    void set() { seen_.add(true); }
    bool wait() { return !seen_.wait_for(1).empty(); }
    bool is_set() { return !seen_.now().empty(); }

private:
    Seen<bool> seen_;
};

/// Asks until the answer is yes; for states that no signal tells of, such as the store's.
template <class F>
bool eventually(F ask) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!ask()) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        std::this_thread::sleep_for(2ms);
    }
    return true;
}

enum class Kind { memory, redis };

struct Settings {
    std::string type = "Order";
    std::string prefix = {};  // empty: this test's own
    milliseconds ttl = 1h;
    std::optional<int> concurrency = 4;
    milliseconds lease = 10s;
    RetryPolicy retry = {};
    milliseconds handler_timeout = {};
    std::int64_t max_payload_bytes = std::int64_t{16} * 1024 * 1024;
};

class OnEachBackend : public ::testing::TestWithParam<Kind> {
protected:
    static void TearDownTestSuite() { server_.reset(); }

    OnEachBackend() {
        static std::atomic<int> number{0};
        prefix_ = "t" + std::to_string(++number);
        if (GetParam() == Kind::redis && !server_) {
            server_ = std::make_unique<RedisServer>();
        }
    }

    bool on_redis() const { return GetParam() == Kind::redis; }
    static RedisServer& server() { return *server_; }

    /// A client of its own, as another process would have.
    std::shared_ptr<redis::Client> new_client() const {
        redis::ClientOptions options;
        options.port = server_->port();
        return std::make_shared<redis::Client>(options);
    }

    template <class T = Order>
    EventQueue<T> open(Settings settings = {}, SerializerPtr<T> serializer = {}) {
        if (settings.prefix.empty()) {
            settings.prefix = prefix_;
        }
        if (on_redis()) {
            return RedisEventQueue<T>({.event_type = settings.type,
                                       .redis_client = new_client(),
                                       .serializer = serializer,
                                       .key_prefix = settings.prefix,
                                       .event_ttl = settings.ttl,
                                       .concurrency = settings.concurrency,
                                       .lease = settings.lease,
                                       .retry = settings.retry,
                                       .handler_timeout = settings.handler_timeout,
                                       .max_payload_bytes = settings.max_payload_bytes});
        }
        return MemoryEventQueue<T>({.event_type = settings.type,
                                    .store = store_,
                                    .serializer = serializer,
                                    .key_prefix = settings.prefix,
                                    .event_ttl = settings.ttl,
                                    .concurrency = settings.concurrency,
                                    .lease = settings.lease,
                                    .retry = settings.retry,
                                    .handler_timeout = settings.handler_timeout,
                                    .max_payload_bytes = settings.max_payload_bytes});
    }

    QueueManager open_its_manager(const std::string& prefix = {}) {
        const std::string its_prefix = prefix.empty() ? prefix_ : prefix;
        if (on_redis()) {
            return RedisQueueManager({.redis_client = new_client(), .key_prefix = its_prefix, .concurrency = 4});
        }
        return MemoryQueueManager({.store = store_, .key_prefix = its_prefix, .concurrency = 4});
    }

    std::string prefix_;
    std::shared_ptr<memory::Store> store_ = std::make_shared<memory::Store>();
    static inline std::unique_ptr<RedisServer> server_;
};

#define EVENTY_ON_EACH_BACKEND(Suite)                                                     \
    INSTANTIATE_TEST_SUITE_P(Stores, Suite, ::testing::Values(Kind::memory, Kind::redis), \
                             [](const auto& i) { return i.param == Kind::memory ? "Memory" : "Redis"; })

/// The code of the Error that `call` throws, and its words in `what`.
template <class F>
std::optional<errc> thrown(F call, std::string* what = nullptr) {
    try {
        call();
    } catch (const Error& error) {
        if (what != nullptr) {
            *what = error.what();
        }
        return static_cast<errc>(error.code().value());
    }
    return std::nullopt;
}

}  // namespace eventy::test
