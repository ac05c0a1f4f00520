// A history: what publishers, two workers, an operator and time do to one queue, in the model and in both stores at
// once.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "model/drivers.hpp"
#include "model/redis_keys.hpp"

namespace eventy::test {

using namespace std::chrono_literals;

enum class Act { publish, take, settle, stale, renew, progress, pass, outage, crash, retry, discard };

/// One step. The numbers mean something only where the history stands then (the so-many-th of what there is), so that
/// any part of a history is a history: it can be shrunk by leaving out steps and making numbers smaller.
struct Command {
    Act act = Act::publish;
    std::uint8_t worker = 0, group = 0, pick = 0, many = 0, choice = 0, length = 0, pause = 0;
};

/// Where histories are played: both stores, and the one clock.
class Stage {
public:
    Stage();
    Driver& memory() { return memory_; }
    Driver& redis() { return redis_; }
    RedisKeys& keys() { return keys_; }
    std::int64_t now() const { return now_->load(); }
    void set_time(std::int64_t us);
    /// An empty queue at the start of time.
    void begin();

private:
    const std::shared_ptr<std::atomic<std::int64_t>> now_ = std::make_shared<std::atomic<std::int64_t>>(0);
    RedisKeys keys_;
    Driver memory_, redis_;
    int queues_ = 0;
};

/// For the story.
std::string in_words(milliseconds);
std::string in_words(const std::vector<EventId>&);

/// Plays commands. Throws `Disagreement` as soon as a store answers or stands otherwise than the model.
struct Disagreement {
    std::string story = {};
};

class History {
public:
    /// Of the groups, those beyond the first `at_once` join when they take for the first time.
    History(Stage&, int groups, int at_once, int max_lost_leases);
    void play(const std::vector<Command>&);

private:
    struct Held {
        Lease lease = {};
        std::size_t group = 0;
    };
    struct Worker {
        std::vector<Held> holds = {};  // what it believes
    };

    void step(const Command&);
    bool has_joined(std::size_t group) const { return group < model_.groups().size(); }
    void pass(milliseconds, bool with_upkeep);
    void time_has_come();
    void perform(std::size_t worker, const Request&);
    void compare(const std::string& store, const Outcome&);
    void compare_readings(const Readings&, bool is_redis);
    void disagree(const std::string& what);
    Questions questions();

    Request publish(const Command&);
    Request take(const Command&);
    Request settle(const Command&, const std::vector<Held>& from, bool stale);
    Request renew(const Command&);
    Request progress(const Command&);
    Request retry(const Command&);
    Request discard(const Command&);
    std::vector<EventId> some_ids(const Command&) const;
    std::vector<Held> some_held(const Command&, const std::vector<Held>& from) const;
    void outage(const Command&);
    void crash(const Command&);
    void drop(Worker&, const Held&);

    static std::string name_of(std::size_t worker) { return worker == 0 ? "A" : "B"; }
    std::string in_group(std::size_t group) const;
    std::string named(const std::vector<Held>&) const;

    Stage& stage_;
    const int max_lost_leases_;
    const std::vector<std::string> groups_;
    Model model_;
    std::array<Worker, 2> workers_;
    std::vector<Held> former_;  // settled or lost, as far as their takers know
    std::vector<std::string> story_;
    Answer expected_;
    bool clean_ = true, grace_ = false;
    std::string taken_of_;  // the group of the last take
    int steps_ = 0;
};

}  // namespace eventy::test
