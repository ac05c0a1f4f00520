#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "ledger/choices.hpp"
#include "ledger/ledger_file.hpp"
#include "ledger/roles.hpp"

namespace eventy::ledger {

namespace {

using namespace std::chrono_literals;

constexpr int threads = 3;  // for each server, so that calls meet in one batch
constexpr std::int64_t dead_letters_a_look = 50;

/// The queues of one server.
struct Home {
    Home(const Options& options, int port, std::string its_name)
        : name(std::move(its_name)),
          client(std::make_shared<redis::Client>(
              redis::ClientOptions{.port = port, .client_name = options.name, .command_timeout = 3s})),
          entries({.redis_client = client, .key_prefix = key_prefix, .lazy_connect = true}),
          chores({.redis_client = client, .key_prefix = key_prefix, .lazy_connect = true}),
          flashes({.redis_client = client, .key_prefix = key_prefix, .event_ttl = flash_ttl, .lazy_connect = true}) {}

    std::string name;
    std::shared_ptr<redis::Client> client;
    RedisEventQueue<Entry> entries;
    RedisEventQueue<Chore> chores;
    RedisEventQueue<Flash> flashes;
};

class PublisherRole {
public:
    explicit PublisherRole(const Options& options)
        : options_(options),
          slot_(options.name.substr(0, options.name.find('.'))),
          ledger_(options.folder + "/" + options.name + ".ledger", options.name),
          next_(options.first) {
        for (const int port : options.ports) {
            homes_.push_back(
                std::make_unique<Home>(options, port, name_of_server(static_cast<int>(homes_.size()) + 1)));
        }
    }

    void run() {
        std::vector<std::thread> all;
        for (int i = 0; i < all_threads(); ++i) {
            all.emplace_back([this, i] { publish_some(i); });
        }
        std::vector<std::jthread> retrying;
        for (const auto& home : homes_) {
            retrying.emplace_back([this, &home](const std::stop_token& stop) { retry_some(*home, stop); });
        }
        for (auto& thread : all) {
            thread.join();
        }
    }

private:
    int all_threads() const { return threads * static_cast<int>(homes_.size()); }

    /// Each thread has a server of its own: those of one that is away do not keep the others from publishing.
    void publish_some(int thread) {
        const Home& home = *homes_[static_cast<std::size_t>(thread) % homes_.size()];
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
            const int count = std::min(size, end - first);
            const auto type = choices.between(1, 12);
            if (type <= 2) {
                publish(home, home.chores, first, count, choices);
            } else if (type == 3 && first < options_.first + options_.count * 3 / 4) {  // the last ones expire in time
                publish(home, home.flashes, first, count, choices);
            } else {
                publish(home, home.entries, first, count, choices);
            }
            due += std::chrono::microseconds(choices.between(0, static_cast<std::int64_t>(2 * each * size)));
            std::this_thread::sleep_until(due);
        }
    }

    template <class T>
    void publish(const Home& home, const EventQueue<T>& queue, int first, int count, Choices& choices) {
        const Place where{.server = home.name, .type = std::string(T::event_name)};
        std::vector<Record> records;
        for (int i = 0; i < count; ++i) {
            records.push_back({.what = What::intend, .where = where, .token = slot_ + '-' + std::to_string(first + i)});
        }
        ledger_.append_all(records);
        constexpr bool lasts = !std::is_same_v<T, Flash>;
        const bool with_word = lasts && count == 1 && choices.between(1, 8) == 1;
        const bool once_more = with_word && choices.between(1, 3) == 1;
        const bool discards = lasts && count == 1 && !with_word && acts_by_id() && choices.between(1, 150) == 1;
        PublishOptions options;
        options.dedup_key = with_word ? records[0].token : "";
        const bool published = try_to_publish(queue, records, options);
        if (once_more || (with_word && !published)) {
            try_to_publish(queue, records, options);
        }
        if (discards && published) {
            discard(queue, records[0]);
        }
        // Most of these are not dead, but for those that were just discarded.
        if (lasts && published && count == 1 && acts_by_id() && choices.between(1, discards ? 2 : 100) == 1) {
            retry(queue, records[0]);
        }
    }

    /// Not where Redis may give the id to another event meanwhile.
    bool acts_by_id() const { return !options_.everysec; }

    /// Dead letters of this slot's own events, some of them, each once.
    void retry_some(const Home& home, const std::stop_token& stop) {
        Choices choices(draw(options_.seed, options_.name + " retries on " + home.name));
        std::set<std::string> seen;
        while (!stop.stop_requested() && acts_by_id()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(choices.between(300, 1200)));
            retry_dead_letters(home, home.entries, seen);
            retry_dead_letters(home, home.chores, seen);
        }
    }

    template <class T>
    void retry_dead_letters(const Home& home, const EventQueue<T>& queue, std::set<std::string>& seen) {
        Page<QueueEvent<T>> page;
        try {
            page = queue.search_events({.status = EventStatus::error}, {.limit = dead_letters_a_look});
        } catch (const Error&) {
            return;
        }
        for (const auto& event : page) {
            const std::string& token = event.payload.token;
            const bool chosen = draw(options_.seed, token + " is retried") % 4 != 0;
            if (chosen && token.starts_with(slot_ + '-') && seen.insert(token).second) {
                retry(queue, {.where = {.server = home.name, .type = std::string(T::event_name)},
                              .token = token,
                              .id = event.id});
            }
        }
    }

    /// Writes the outcomes down, and says them in `records`.
    template <class T>
    bool try_to_publish(const EventQueue<T>& queue, std::vector<Record>& records, const PublishOptions& options) {
        std::vector<T> events;
        for (const auto& record : records) {
            events.push_back({record.token});
        }
        bool published = true;
        try {
            std::vector<QueueEvent<T>> all;
            if (events.size() == 1) {
                all.push_back(queue.publish(events[0], options));
            } else {
                all = queue.publish_all(events, options);
            }
            for (std::size_t i = 0; i < records.size(); ++i) {
                records[i].what = What::acked;
                records[i].id = all.at(i).id;
            }
        } catch (const Error& error) {
            published = false;
            for (auto& record : records) {
                record.what = What::unknown;
                record.note = error.what();
            }
        }
        ledger_.append_all(records);
        return published;
    }

    template <class T>
    void discard(const EventQueue<T>& queue, Record record) {
        record.what = What::discarding;
        ledger_.append(record);
        record.what = What::discarded;
        try {
            record.note = queue.discard(record.id) ? "given up" : "too late";
        } catch (const Error& error) {
            record.note = std::string("no-answer: ") + error.what();
        }
        ledger_.append(record);
    }

    template <class T>
    void retry(const EventQueue<T>& queue, Record record) {
        record.what = What::retrying;
        record.note = {};
        ledger_.append(record);
        record.what = What::retried;
        try {
            record.note = queue.retry_event(record.id) ? "taken up" : "not dead";
        } catch (const EventNotFound&) {
            record.note = "gone";
        } catch (const Error& error) {
            record.note = std::string("no-answer: ") + error.what();
        }
        ledger_.append(record);
    }

    const Options& options_;
    std::string slot_;
    LedgerFile ledger_;
    std::vector<std::unique_ptr<Home>> homes_;
    std::atomic<int> next_;
};

}  // namespace

int run_publisher(const Options& options) {
    PublisherRole(options).run();
    return 0;
}

}  // namespace eventy::ledger
