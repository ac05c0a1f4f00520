#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ledger/choices.hpp"
#include "ledger/ledger_file.hpp"
#include "ledger/roles.hpp"

namespace eventy::ledger {

namespace {

using namespace std::chrono_literals;

constexpr int threads = 3;  // so that calls meet in one batch

class PublisherRole {
public:
    explicit PublisherRole(const Options& options)
        : options_(options),
          slot_(options.name.substr(0, options.name.find('.'))),
          ledger_(options.folder + "/" + options.name + ".ledger", options.name),
          queue_({.redis_client = std::make_shared<redis::Client>(
                      redis::ClientOptions{.port = options.port, .client_name = options.name, .command_timeout = 3s}),
                  .key_prefix = key_prefix,
                  .lazy_connect = true}),
          next_(options.first) {}

    void run() {
        std::vector<std::thread> all;
        for (int i = 0; i < threads; ++i) {
            all.emplace_back([this, i] { publish_some(i); });
        }
        for (auto& thread : all) {
            thread.join();
        }
    }

private:
    void publish_some(int thread) {
        Choices choices(draw(options_.seed, options_.name + ' ' + std::to_string(thread)));
        const int end = options_.first + options_.count;
        const double each = 1e6 * options_.seconds * options_.publishers * threads / options_.events;
        auto due = std::chrono::steady_clock::now();
        for (;;) {
            const int size = choices.between(1, 10) == 1 ? static_cast<int>(choices.between(2, 5)) : 1;
            const int first = next_.fetch_add(size);
            if (first >= end) {
                return;
            }
            publish(first, std::min(size, end - first));
            due += std::chrono::microseconds(choices.between(0, static_cast<std::int64_t>(2 * each * size)));
            std::this_thread::sleep_until(due);
        }
    }

    void publish(int first, int size) {
        std::vector<Entry> entries;
        std::vector<Record> intended, outcomes;
        for (int i = 0; i < size; ++i) {
            entries.push_back({slot_ + '-' + std::to_string(first + i)});
            intended.push_back({.what = What::intend, .token = entries.back().token});
        }
        ledger_.append_all(intended);
        const auto acked = [&](const QueueEvent<Entry>& event) {
            outcomes.push_back({.what = What::acked, .token = event.payload.token, .id = event.id});
        };
        try {
            if (size == 1) {
                acked(queue_.publish(entries[0]));
            } else {
                for (const auto& event : queue_.publish_all(entries)) {
                    acked(event);
                }
            }
        } catch (const Error& error) {
            for (const auto& entry : entries) {
                outcomes.push_back({.what = What::unknown, .token = entry.token, .note = error.what()});
            }
        }
        ledger_.append_all(outcomes);
    }

    const Options& options_;
    std::string slot_;
    LedgerFile ledger_;
    RedisEventQueue<Entry> queue_;
    std::atomic<int> next_;
};

}  // namespace

int run_publisher(const Options& options) {
    PublisherRole(options).run();
    return 0;
}

}  // namespace eventy::ledger
