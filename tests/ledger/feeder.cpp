#include "ledger/feeder.hpp"

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

namespace eventy::ledger {

namespace {

using namespace std::chrono_literals;

// A worker has 4 handlers, and these events take them 25 ms and some writing.
constexpr int backlog_per_worker = 100;
constexpr int step_per_worker = 7;
constexpr auto step = 50ms;

}  // namespace

Feeder::Feeder(std::string server, int redis_port, int workers, const std::string& folder)
    : server_(std::move(server)),
      workers_(workers),
      ledger_(folder + "/feed-" + server_ + ".ledger", std::string(feeder)),
      queue_({.redis_client = std::make_shared<redis::Client>(
                  redis::ClientOptions{.port = redis_port, .client_name = std::string(feeder), .command_timeout = 3s}),
              .key_prefix = key_prefix,
              .lazy_connect = true}) {}

void Feeder::publish_backlog() {
    wait();
    publish(backlog_per_worker * workers_);
}

void Feeder::feed() {
    wait();
    feeding_ = std::jthread([this] {
        const auto end = std::chrono::steady_clock::now() + 1300ms;
        while (std::chrono::steady_clock::now() < end) {
            publish(step_per_worker * workers_);
            std::this_thread::sleep_for(step);
        }
    });
}

void Feeder::wait() {
    if (feeding_.joinable()) {
        feeding_.join();
    }
}

void Feeder::publish(int count) {
    std::vector<Entry> entries;
    std::vector<Record> intended, acked;
    const Place where{.server = server_, .type = queue_type};
    for (int i = 0; i < count; ++i) {
        entries.push_back({std::string(feeder) + '-' + server_ + '-' + std::to_string(++last_)});
        intended.push_back({.what = What::intend, .where = where, .token = entries.back().token});
    }
    ledger_.append_all(intended);
    try {
        for (const auto& event : queue_.publish_all(entries)) {
            acked.push_back({.what = What::acked, .where = where, .token = event.payload.token, .id = event.id});
        }
    } catch (const Error& error) {
        for (const auto& entry : entries) {
            acked.push_back({.what = What::unknown, .where = where, .token = entry.token, .note = error.what()});
        }
    }
    ledger_.append_all(acked);
}

bool Feeder::idle() const {
    try {
        auto stats = queue_.stats();
        return stats.by_status[EventStatus::pending] == 0 && stats.by_status[EventStatus::processing] == 0;
    } catch (const Error&) {
        return false;
    }
}

}  // namespace eventy::ledger
