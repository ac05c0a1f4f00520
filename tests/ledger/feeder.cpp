#include "ledger/feeder.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

namespace eventy::ledger {

namespace {

using namespace std::chrono_literals;

// A worker has 8 handlers, and these events take them 50 ms and some writing; each Entry is for two groups.
constexpr int waiting_entries = 38, waiting_chores = 20;
constexpr int entries_a_step = 3, chores_a_step = 1;
constexpr auto step = 50ms;

}  // namespace

Feeder::Feeder(std::string server, int redis_port, int workers, const std::string& folder)
    : server_(std::move(server)),
      workers_(workers),
      ledger_(folder + "/feed-" + server_ + ".ledger", std::string(feeder)),
      client_(std::make_shared<redis::Client>(
          redis::ClientOptions{.port = redis_port, .client_name = std::string(feeder), .command_timeout = 3s})),
      entries_({.redis_client = client_, .key_prefix = key_prefix, .lazy_connect = true}),
      chores_({.redis_client = client_, .key_prefix = key_prefix, .lazy_connect = true}),
      flashes_({.redis_client = client_, .key_prefix = key_prefix, .event_ttl = flash_ttl, .lazy_connect = true}) {}

void Feeder::publish_backlog() {
    wait();
    publish(waiting_entries, waiting_chores);
}

void Feeder::feed() {
    wait();
    feeding_ = std::jthread([this] {
        const auto end = std::chrono::steady_clock::now() + 1300ms;
        while (std::chrono::steady_clock::now() < end) {
            publish(entries_a_step, chores_a_step);
            std::this_thread::sleep_for(step);
        }
    });
}

void Feeder::wait() {
    if (feeding_.joinable()) {
        feeding_.join();
    }
}

void Feeder::publish(int entries, int chores) {
    publish(entries_, entries * workers_);
    publish(chores_, chores * workers_);
}

template <class T>
void Feeder::publish(const EventQueue<T>& queue, int count) {
    std::vector<T> entries;
    std::vector<Record> intended, acked;
    const Place where{.server = server_, .type = std::string(T::event_name)};
    for (int i = 0; i < count; ++i) {
        entries.push_back({std::string(feeder) + '-' + server_ + '-' + std::to_string(++last_)});
        intended.push_back({.what = What::intend, .where = where, .token = entries.back().token});
    }
    ledger_.append_all(intended);
    try {
        for (const auto& event : queue.publish_all(entries)) {
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
    const auto all_done = [](const QueueStats& stats, std::string_view type) {
        const auto idle = [&](const GroupOfType& group) {
            const auto found = stats.groups.find(std::string(group.group));
            return group.type != type ||
                   (found != stats.groups.end() && found->second.lag == 0 && found->second.leased == 0);
        };
        return std::all_of(groups.begin(), groups.end(), idle);
    };
    const auto all_gone = [](const QueueStats& stats) {
        return std::all_of(stats.by_status.begin(), stats.by_status.end(),
                           [](const auto& entry) { return entry.second == 0; });
    };
    try {
        const QueueStats flashes = flashes_.stats();
        return all_done(entries_.stats(), Entry::event_name) && all_done(chores_.stats(), Chore::event_name) &&
               all_done(flashes, Flash::event_name) && all_gone(flashes);
    } catch (const Error&) {
        return false;
    }
}

}  // namespace eventy::ledger
