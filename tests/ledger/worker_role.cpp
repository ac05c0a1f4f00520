#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "ledger/choices.hpp"
#include "ledger/conduct.hpp"
#include "ledger/ledger_file.hpp"
#include "ledger/roles.hpp"

namespace eventy::ledger {

namespace {

using namespace std::chrono_literals;

class LedgerHandler final : public Subscriber<Entry> {
public:
    LedgerHandler(const Options& options, LedgerFile& ledger, Place where)
        : options_(options), ledger_(ledger), where_(std::move(where)) {}

    void on_event(const QueueEvent<Entry>& event, Context& context) override {
        const Record about{.where = where_,
                           .token = event.payload.token,
                           .id = event.id,
                           .epoch = context.epoch(),
                           .attempt = context.attempt()};
        write(about, What::start, context.worker_id());
        const std::stop_callback told(context.stop_token(), [&] { write(about, What::told, {}); });
        try {
            handle(about, context);
        } catch (const Retry&) {
            write(about, What::end, "asks for a retry");
            throw;
        } catch (const Reject&) {
            write(about, What::end, "rejects");
            throw;
        } catch (const std::exception& error) {
            write(about, What::end, std::string("throws: ") + error.what());
            throw;
        }
        write(about, What::end, "ok");
    }

private:
    void write(Record record, What what, std::string note) {
        record.what = what;
        record.note = std::move(note);
        ledger_.append(std::move(record));
    }

    void handle(const Record& about, Context& context) {
        const auto drawn = draw(options_.seed, about.token);
        switch (conduct_for(options_.seed, about.token, about.attempt, options_.name)) {
            case Conduct::quick: std::this_thread::sleep_for(quick_time(about, drawn)); return;
            case Conduct::slow_to_the_end:
                std::this_thread::sleep_for(std::chrono::milliseconds(400 + drawn / 10000 % 2000));
                return;
            case Conduct::slow: slowly(about, context, std::chrono::milliseconds(100 + drawn / 10000 % 500)); return;
            case Conduct::fails: throw std::runtime_error("as the seed wants it");
            case Conduct::asks_for_retry: throw Retry{std::chrono::milliseconds(drawn % 300), "as the seed wants it"};
            case Conduct::rejects: throw Reject{"as the seed wants it"};
            case Conduct::hangs: hang(context); throw std::runtime_error("was told to stop");
            case Conduct::hangs_deaf: std::this_thread::sleep_for(options_.terms.handler_timeout + 1500ms); return;
            case Conduct::crashes:
            case Conduct::kills_always:
                write(about, What::end, "crashes");
                kill(getpid(), SIGKILL);
                return;
        }
    }

    static std::chrono::milliseconds quick_time(const Record& about, std::uint64_t drawn) {
        return about.token.starts_with(feeder) ? 25ms : std::chrono::milliseconds(drawn % 8);
    }

    void slowly(const Record& about, Context& context, std::chrono::milliseconds half) {
        std::this_thread::sleep_for(half);
        fenced(about, "progress", [&] { context.report_progress(0.5, std::to_string(context.epoch())); });
        std::this_thread::sleep_for(half);
        fenced(about, "extend", [&] { context.extend(options_.terms.lease); });
    }

    template <class Call>
    void fenced(const Record& about, const std::string& name, Call call) {
        write(about, What::fence, name);
        std::string outcome = "accepted";
        try {
            call();
        } catch (const LeaseLost&) {
            outcome = "refused";
        } catch (const Error& error) {
            outcome = std::string("no-answer: ") + error.what();
        }
        write(about, What::fenced, outcome);
    }

    void hang(Context& context) const {
        std::mutex mutex;
        std::condition_variable_any stopped;
        std::unique_lock lock(mutex);
        stopped.wait_for(lock, context.stop_token(), 20 * options_.terms.handler_timeout, [] { return false; });
    }

    const Options& options_;
    LedgerFile& ledger_;
    Place where_;
};

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
        : queue_({.redis_client =
                      std::make_shared<redis::Client>(redis::ClientOptions{.port = port, .client_name = options.name}),
                  .key_prefix = key_prefix,
                  .concurrency = options.terms.concurrency,
                  .lease = options.terms.lease,
                  .lazy_connect = true,
                  .retry = {.max_attempts = options.terms.max_attempts,
                            .initial_backoff = 50ms,
                            .max_backoff = 500ms,
                            .max_lost_leases = options.terms.max_lost_leases},
                  .handler_timeout = options.terms.handler_timeout}),
          subscription_(queue_.subscribe(
              std::make_shared<LedgerHandler>(options, ledger, Place{server, queue_type, queue_group}))) {
        ledger.append({.what = What::subscribed, .where = {.server = std::move(server)}});
    }

    bool close() const { return queue_.close(20s); }

private:
    RedisEventQueue<Entry> queue_;
    Subscription subscription_;
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
