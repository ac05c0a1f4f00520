#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ledger/ledger_file.hpp"
#include "ledger/ledger_handler.hpp"
#include "ledger/roles.hpp"

namespace eventy::ledger {

namespace {

using namespace std::chrono_literals;

/// Writes down when the machine did not run this process, or it was stopped: then nobody can be blamed for its leases.
class StarvationWatch {
public:
    explicit StarvationWatch(LedgerFile& ledger)
        : thread_([&ledger](const std::stop_token& stop) {
              constexpr auto step = 50ms;
              auto last = std::chrono::steady_clock::now();
              while (!stop.stop_requested()) {
                  std::this_thread::sleep_for(step);
                  const auto now = std::chrono::steady_clock::now();
                  if (now - last > step + 250ms) {
                      const auto gap = std::chrono::duration_cast<std::chrono::milliseconds>(now - last);
                      ledger.append({.what = What::starved, .note = std::to_string(gap.count())});
                  }
                  last = std::chrono::steady_clock::now();
              }
          }) {}

private:
    std::jthread thread_;
};

/// What this worker has on one server.
class Home {
public:
    Home(const Options& options, int port, std::string server, LedgerFile& ledger)
        : options_(options),
          server_(std::move(server)),
          ledger_(ledger),
          client_(std::make_shared<redis::Client>(redis::ClientOptions{.port = port, .client_name = options.name})),
          taking_flashes_([this](const std::stop_token& stop) { take_flashes(stop); }) {
        if (!has_manager(options.name)) {
            subscribe(RedisEventQueue<Entry>(settings<RedisQueueOptions<Entry>>()));
            subscribe(RedisEventQueue<Chore>(settings<RedisQueueOptions<Chore>>()));
            write_subscribed();
            return;
        }
        manager_.emplace(settings<RedisManagerOptions>());
        // The registry is in Redis, which may be away.
        joining_ = std::jthread([this](const std::stop_token& stop) {
            while (!stop.stop_requested() && !join()) {
            }
        });
    }

    bool close() {
        joining_ = {};
        taking_flashes_.request_stop();
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        bool all_ended = !manager_ || manager_->close(20s);
        for (const auto& close_queue : closes_) {
            const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
            all_ended = close_queue(std::max(left, milliseconds(0))) && all_ended;
        }
        taking_flashes_ = {};
        return all_ended;
    }

private:
    template <class QueueOptions>
    QueueOptions settings() const {
        QueueOptions settings;
        settings.redis_client = client_;
        settings.key_prefix = key_prefix;
        settings.concurrency = options_.terms.concurrency;
        settings.lease = options_.terms.lease;
        settings.lazy_connect = true;
        settings.retry = {.max_attempts = options_.terms.max_attempts,
                          .initial_backoff = 50ms,
                          .max_backoff = 500ms,
                          .max_lost_leases = options_.terms.max_lost_leases};
        settings.handler_timeout = options_.terms.handler_timeout;
        return settings;
    }

    /// False: Redis did not answer.
    bool join() {
        try {
            manager_->register_type<Entry>();
            manager_->register_type<Chore>();
        } catch (const Error&) {
            return false;
        }
        subscribe(manager_->get_event_queue<Entry>());
        subscribe(manager_->get_event_queue<Chore>());
        write_subscribed();
        return true;
    }

    template <class T>
    void subscribe(EventQueue<T> queue) {
        for (const auto& group : groups) {
            if (group.type == T::event_name) {
                subscriptions_.push_back(subscribe(queue, group));
            }
        }
        closes_.push_back([queue](milliseconds timeout) { return queue.close(timeout); });
    }

    template <class T>
    Subscription subscribe(const EventQueue<T>& queue, const GroupOfType& group) {
        const Place where{server_, std::string(group.type), std::string(group.group)};
        return queue.subscribe(std::make_shared<LedgerHandler<T>>(options_, ledger_, where), {.group = where.group});
    }

    /// With rests, in which they may expire.
    void take_flashes(const std::stop_token& stop) {
        const Place where{.server = server_, .type = std::string(Flash::event_name)};
        auto settings_of_flashes = settings<RedisQueueOptions<Flash>>();
        settings_of_flashes.event_ttl = flash_ttl;
        const RedisEventQueue<Flash> queue(settings_of_flashes);
        ledger_.append({.what = What::resting, .where = where});
        std::optional<Subscription> subscription;
        while (!stop.stop_requested()) {
            const Micros now = steady_micros();
            const bool taken = flashes_are_taken(now) || now >= options_.rests_until;
            if (taken && !subscription) {
                subscription = subscribe(queue, {Flash::event_name, default_group});
                ledger_.append({.what = What::rested, .where = where});
            } else if (!taken && subscription) {
                ledger_.append({.what = What::resting, .where = where});
                subscription.reset();
            }
            std::this_thread::sleep_for(20ms);
        }
        subscription.reset();
        queue.close(20s);
    }

    void write_subscribed() { ledger_.append({.what = What::subscribed, .where = {.server = server_}}); }

    const Options& options_;
    std::string server_;
    LedgerFile& ledger_;
    std::shared_ptr<redis::Client> client_;
    std::optional<RedisQueueManager> manager_;
    std::vector<std::function<bool(milliseconds)>> closes_;
    std::vector<Subscription> subscriptions_;
    std::jthread joining_;
    std::jthread taking_flashes_;
};

}  // namespace

int run_worker(const Options& options) {
    LedgerFile ledger(options.folder + "/" + options.name + ".ledger", options.name);
    const StarvationWatch watch(ledger);
    std::vector<std::unique_ptr<Home>> homes;
    for (const int port : options.ports) {
        auto server = name_of_server(static_cast<int>(homes.size()) + 1);
        homes.push_back(std::make_unique<Home>(options, port, std::move(server), ledger));
    }
    wait_for_termination();
    ledger.append({.what = What::ending});
    std::atomic<bool> all_ended = true;
    {
        std::vector<std::jthread> closing;  // one that waits for its server does not keep the others working
        for (const auto& home : homes) {
            closing.emplace_back([&] {
                if (!home->close()) {
                    all_ended = false;
                }
            });
        }
    }
    return all_ended ? 0 : 3;
}

}  // namespace eventy::ledger
