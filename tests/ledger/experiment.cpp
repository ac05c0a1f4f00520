#include "ledger/experiment.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "ledger/choices.hpp"
#include "ledger/fault_plan.hpp"
#include "ledger/feeder.hpp"
#include "ledger/ledger_file.hpp"
#include "ledger/redis_under_test.hpp"
#include "ledger/slot.hpp"

namespace eventy::ledger {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto step = 5ms;
constexpr auto longest_end = 120s;
volatile std::sig_atomic_t interrupted = 0;

std::vector<Place> places_of(const std::string& server) {
    std::vector<Place> all;
    for (const auto& group : groups) {
        all.push_back({server, std::string(group.type), std::string(group.group)});
    }
    return all;
}

std::string append_only_file(const std::string& folder, const std::string& server) {
    return folder + '/' + server + ".aof";
}

void read_home(RedisUnderTest& redis, const std::string& name, Evidence& evidence) {
    const auto histories = read_histories(redis.file());
    for (const auto& place : places_of(name)) {
        evidence.stored[place] = read_stored_state(redis.server(), histories, place);
    }
    const RedisEventQueue<Flash> flashes(
        {.redis_client = std::make_shared<redis::Client>(redis::ClientOptions{.port = redis.server().port()}),
         .key_prefix = key_prefix,
         .event_ttl = flash_ttl});
    evidence.stored[{name, std::string(Flash::event_name), std::string(default_group)}].expired =
        flashes.stats().expired;
}

class Experiment {
public:
    Experiment(const Options& options, std::string folder)
        : options_(options),
          folder_(std::move(folder)),
          ledger_(folder_ + "/control.ledger", "control"),
          choices_(draw(options.seed, "control")),
          plan_(plan_faults({.seed = options.seed,
                             .time = std::chrono::seconds(options.seconds),
                             .lease = options.terms.lease,
                             .publishers = options.publishers,
                             .workers = options.workers,
                             .servers = options.servers})) {
        for (int i = 1; i <= options.servers; ++i) {
            homes_.push_back(std::make_unique<Home>(options, name_of_server(i), folder_));
        }
    }

    Evidence run() {
        // The library catches both in a program that also has the worker's role.
        std::signal(SIGINT, [](int) { interrupted = 1; });
        std::signal(SIGTERM, [](int) { interrupted = 1; });
        set_logger([](LogLevel, std::string_view) {});  // the feeder loses its connections all the time
        try {
            happen();
        } catch (...) {
            keep_files();
            throw;
        }
        keep_files();
        Evidence evidence{.records = read_ledger(folder_), .stored = {}, .terms = options_.terms};
        for (const auto& home : homes_) {
            read_home(home->redis, home->name, evidence);
        }
        return evidence;
    }

private:
    void happen() {
        start_all();
        for (const auto& fault : plan_) {
            live_until([&] { return Clock::now() >= begin_ + fault.at + delay_; });
            apply(fault);
        }
        live_until([&] { return Clock::now() >= begin_ + std::chrono::seconds(options_.seconds) + delay_; });
        finish();
    }

    void keep_files() const {
        for (const auto& home : homes_) {
            home->redis.keep_file(append_only_file(folder_, home->name));
        }
    }

    /// A server, and what the experiment has there.
    struct Home {
        Home(const Options& options, std::string its_name, const std::string& folder)
            : name(std::move(its_name)),
              redis(options.everysec),
              feeder(name, redis.server().port(), options.workers, folder) {}

        std::vector<Place> places() const { return places_of(name); }

        std::string name;
        RedisUnderTest redis;
        Feeder feeder;
    };
    Home& home(int server) { return *homes_.at(static_cast<std::size_t>(server - 1)); }

    void write(const Home& home, What what, std::string note = {}) {
        ledger_.append({.who = "redis", .what = what, .where = {.server = home.name}, .note = std::move(note)});
    }

    void start_all() {
        SlotTerms terms{.options = options_,
                        .folder = folder_,
                        .redis_ports = {},
                        .rests_until = steady_micros() + options_.seconds * second};
        for (const auto& home : homes_) {
            terms.redis_ports.push_back(home->redis.server().port());
        }
        for (int i = 1; i <= options_.publishers; ++i) {
            slots_.emplace("p" + std::to_string(i), std::make_unique<Slot>("p" + std::to_string(i), terms, ledger_));
        }
        for (int i = 1; i <= options_.workers; ++i) {
            slots_.emplace("w" + std::to_string(i), std::make_unique<Slot>("w" + std::to_string(i), terms, ledger_));
        }
        for (const auto& [name, slot] : slots_) {
            slot->spawn();
        }
        begin_ = Clock::now();
    }

    // -- the loop -----------------------------------------------------------------------------------------------------

    template <class Condition>
    void live_until(Condition condition) {
        while (!condition()) {
            if (interrupted != 0) {
                throw std::runtime_error("interrupted");
            }
            run_due();
            reap();
            for (const auto& home : homes_) {
                home->redis.note_size();
            }
            look_at_servers();
            std::this_thread::sleep_for(step);
        }
    }

    void later(std::chrono::milliseconds after, std::function<void()> action) {
        timers_.emplace(Clock::now() + after, std::move(action));
    }

    void run_due() {
        while (!timers_.empty() && timers_.begin()->first <= Clock::now()) {
            const auto action = std::move(timers_.begin()->second);
            timers_.erase(timers_.begin());
            action();
        }
    }

    /// What died gets a successor after a while.
    void reap() {
        for (const auto& [name, slot] : slots_) {
            if (slot->reap() && !ending_) {
                later(std::chrono::milliseconds(choices_.between(100, 600)), [s = slot.get()] { s->spawn(); });
            }
        }
    }

    void look_at_servers() {
        const auto now = Clock::now();
        if (now < next_look_) {
            return;
        }
        next_look_ = now + 100ms;
        ++looks_;
        for (const auto& home : homes_) {
            if (home->redis.server().running()) {
                look_at(*home);
            }
        }
        if (looks_ % 5 == 0) {
            show_progress();
        }
    }

    void look_at(Home& home) {
        const auto before = Clock::now();
        home.redis.server().command({"PING"});
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - before);
        if (took > 250ms) {
            write(home, What::redis_slow, std::to_string(took.count()));
        }
        for (const auto& place : looks_ % 10 == 0 ? home.places() : std::vector<Place>()) {
            for (const auto& [id, words] : look_for_misplaced(home.redis.server(), place, 500)) {
                ledger_.append({.who = "redis", .what = What::two_places, .where = place, .id = id, .note = words});
            }
        }
    }

    void show_progress() {
        static const bool terminal = isatty(STDERR_FILENO) != 0;
        if (terminal) {
            const auto time = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin_ - delay_);
            std::fprintf(stderr, "\r%3lld of %d s  %s\033[K", static_cast<long long>(time.count()), options_.seconds,
                         last_fault_.c_str());
        }
    }

    // -- faults -------------------------------------------------------------------------------------------------------

    void apply(const Fault& fault) {
        last_fault_ = describe(fault);
        Slot* const slot = fault.target.empty() ? nullptr : slots_.at(fault.target).get();
        switch (fault.kind) {
            case FaultKind::kill_worker:
            case FaultKind::kill_publisher: slot->kill9(); break;
            case FaultKind::terminate_worker: slot->terminate(); break;
            case FaultKind::stop_worker:
                if (const auto life = slot->stop()) {
                    later(fault.lasts, [slot, life] { slot->go_on(*life); });
                }
                break;
            case FaultKind::cut: slot->cut(fault.server); break;
            case FaultKind::stall: hold(*slot, true, true, fault); break;
            case FaultKind::silence_replies: hold(*slot, false, true, fault); break;
            case FaultKind::silence_requests: hold(*slot, true, false, fault); break;
            case FaultKind::client_kill:
                write(home(fault.server), What::client_kill);
                home(fault.server).redis.server().command({"CLIENT", "KILL", "TYPE", "normal"});
                break;
            case FaultKind::script_flush:
                write(home(fault.server), What::script_flush);
                home(fault.server).redis.server().command({"SCRIPT", "FLUSH"});
                break;
            case FaultKind::kill_redis: kill_redis(home(fault.server), fault.lasts); break;
        }
    }

    void hold(Slot& slot, bool requests, bool replies, const Fault& fault) {
        if (const auto life = slot.hold(fault.server, requests, replies)) {
            later(fault.lasts, [&slot, server = fault.server, life] { slot.flow(server, *life); });
        }
    }

    /// With work waiting, so that every worker has something to do when it returns.
    void kill_redis(Home& home, std::chrono::milliseconds away) {
        if (!home.redis.server().running()) {
            return;
        }
        home.feeder.publish_backlog();
        home.redis.note_size();
        write(home, What::redis_killed);
        home.redis.kill9();
        later(away, [this, &home] {
            const auto before = Clock::now();
            home.redis.start();
            write(home, What::redis_back);
            delay_ += Clock::now() - before;
            home.feeder.feed();
        });
    }

    // -- the end ------------------------------------------------------------------------------------------------------

    void finish() {
        const auto deadline = Clock::now() + longest_end;
        last_fault_ = "no more faults";
        live_until([&] { return timers_.empty() || Clock::now() > deadline; });
        for (const auto& home : homes_) {
            home->feeder.wait();
        }
        live_until([&] { return all_published() || Clock::now() > deadline; });
        auto next = Clock::now();
        live_until([&] {
            if (Clock::now() > deadline) {
                return true;
            }
            if (Clock::now() < next) {
                return false;
            }
            next = Clock::now() + 200ms;
            return timers_.empty() && std::all_of(homes_.begin(), homes_.end(), [](const auto& home) {
                       return home->feeder.idle() && is_swept(home->redis.server());
                   });
        });
        ending_ = true;
        timers_.clear();
        for (const auto& [name, slot] : slots_) {
            slot->terminate(end_of_run);
        }
        const auto last = Clock::now() + 30s;
        live_until([&] {
            return Clock::now() > last ||
                   std::none_of(slots_.begin(), slots_.end(), [](const auto& entry) { return entry.second->lives(); });
        });
        for (const auto& [name, slot] : slots_) {
            slot->kill9();
        }
        live_until([&] {
            return std::none_of(slots_.begin(), slots_.end(), [](const auto& entry) { return entry.second->lives(); });
        });
        if (isatty(STDERR_FILENO) != 0) {
            std::fprintf(stderr, "\r\033[K");
        }
    }

    bool all_published() const {
        return std::all_of(slots_.begin(), slots_.end(),
                           [](const auto& entry) { return entry.second->has_published(); });
    }

    const Options& options_;
    std::string folder_;
    LedgerFile ledger_;
    std::vector<std::unique_ptr<Home>> homes_;
    Choices choices_;
    std::vector<Fault> plan_;
    std::map<std::string, std::unique_ptr<Slot>> slots_;
    std::multimap<Clock::time_point, std::function<void()>> timers_;
    Clock::time_point begin_, next_look_;
    Clock::duration delay_{0};  // by which the plan is late, because Redis took its time to load
    std::string last_fault_;
    int looks_ = 0;
    bool ending_ = false;
};

}  // namespace

Evidence run_experiment(const Options& options, const std::string& folder) { return Experiment(options, folder).run(); }

Evidence read_kept(const Options& options, const std::string& folder) {
    Evidence evidence{.records = read_ledger(folder), .stored = {}, .terms = options.terms};
    for (int i = 1; std::filesystem::exists(append_only_file(folder, name_of_server(i))); ++i) {
        RedisUnderTest redis(options.everysec);
        redis.load_file(append_only_file(folder, name_of_server(i)));
        read_home(redis, name_of_server(i), evidence);
    }
    return evidence;
}

}  // namespace eventy::ledger
