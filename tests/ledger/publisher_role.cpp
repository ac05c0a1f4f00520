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

constexpr int threads = 3;  // for each server, so that calls meet in one batch

class PublisherRole {
public:
    explicit PublisherRole(const Options& options)
        : options_(options),
          slot_(options.name.substr(0, options.name.find('.'))),
          ledger_(options.folder + "/" + options.name + ".ledger", options.name),
          next_(options.first) {
        for (const int port : options.ports) {
            queues_.push_back(
                RedisEventQueue<Entry>({.redis_client = std::make_shared<redis::Client>(redis::ClientOptions{
                                            .port = port, .client_name = options.name, .command_timeout = 3s}),
                                        .key_prefix = key_prefix,
                                        .lazy_connect = true}));
        }
    }

    void run() {
        std::vector<std::thread> all;
        for (int i = 0; i < all_threads(); ++i) {
            all.emplace_back([this, i] { publish_some(i); });
        }
        for (auto& thread : all) {
            thread.join();
        }
    }

private:
    int all_threads() const { return threads * static_cast<int>(queues_.size()); }

    /// Each thread has a server of its own: those of one that is away do not keep the others from publishing.
    void publish_some(int thread) {
        const auto server = static_cast<std::size_t>(thread) % queues_.size();
        Choices choices(draw(options_.seed, options_.name + ' ' + std::to_string(thread)));
        const int end = options_.first + options_.count;
        const double each = 1e6 * options_.seconds * options_.publishers * all_threads() / options_.events;
        auto due = std::chrono::steady_clock::now();
        for (;;) {
            const int size = choices.between(1, 10) == 1 ? static_cast<int>(choices.between(2, 5)) : 1;
            const int first = next_.fetch_add(size);
            if (first >= end) {
                return;
            }
            publish(server, first, std::min(size, end - first));
            due += std::chrono::microseconds(choices.between(0, static_cast<std::int64_t>(2 * each * size)));
            std::this_thread::sleep_until(due);
        }
    }

    void publish(std::size_t server, int first, int size) {
        const EventQueue<Entry>& queue = queues_[server];
        const Place where{.server = name_of_server(static_cast<int>(server) + 1), .type = queue_type};
        std::vector<Entry> entries;
        std::vector<Record> intended, outcomes;
        for (int i = 0; i < size; ++i) {
            entries.push_back({slot_ + '-' + std::to_string(first + i)});
            intended.push_back({.what = What::intend, .where = where, .token = entries.back().token});
        }
        ledger_.append_all(intended);
        const auto acked = [&](const QueueEvent<Entry>& event) {
            outcomes.push_back({.what = What::acked, .where = where, .token = event.payload.token, .id = event.id});
        };
        try {
            if (size == 1) {
                acked(queue.publish(entries[0]));
            } else {
                for (const auto& event : queue.publish_all(entries)) {
                    acked(event);
                }
            }
        } catch (const Error& error) {
            for (const auto& entry : entries) {
                outcomes.push_back({.what = What::unknown, .where = where, .token = entry.token, .note = error.what()});
            }
        }
        ledger_.append_all(outcomes);
    }

    const Options& options_;
    std::string slot_;
    LedgerFile ledger_;
    std::vector<EventQueue<Entry>> queues_;  // of each server
    std::atomic<int> next_;
};

}  // namespace

int run_publisher(const Options& options) {
    PublisherRole(options).run();
    return 0;
}

}  // namespace eventy::ledger
