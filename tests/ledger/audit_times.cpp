#include "ledger/audit_times.hpp"

#include <algorithm>

namespace eventy::ledger {

namespace {

class TimeCheck {
public:
    TimeCheck(const GroupEvidence& evidence, const Timeline& timeline, Verdict& verdict)
        : evidence_(evidence), timeline_(timeline), verdict_(verdict), slack_(micros(evidence.terms.slack)) {
        for (const auto& [id, event] : evidence.stored.events) {
            losses_[event.token] = static_cast<int>(event.lost_by.size());
        }
        for (std::size_t i = 0; i < timeline.runs().size(); ++i) {
            runs_by_worker_[timeline.runs()[i].worker].push_back(&timeline.runs()[i]);
        }
    }

    void after_deaths() {
        for (const auto& run : timeline_.runs()) {
            const auto& life = timeline_.workers().at(run.worker);
            const bool died_with_it = life.at_once && (!run.ended || run.outcome == "crashes");
            if (died_with_it) {
                after_death(run, life.died);
            }
        }
    }

    void after_returns() {
        for (const auto& record : evidence_.records) {
            if (record.what == What::redis_back) {
                for (const auto& [worker, life] : timeline_.workers()) {
                    after_return(worker, life, record.at);
                }
            }
        }
    }

private:
    /// Its worker died while this ran: when does it begin again?
    void after_death(const Run& run, Micros died) {
        const Run* next = nullptr;
        for (const auto i : timeline_.runs_of().at(run.token)) {
            const Run& other = timeline_.runs()[i];
            if (other.epoch > run.epoch) {
                next = &other;
                break;
            }
        }
        if (next == nullptr || next->began <= died) {
            return;  // given up as ERROR, or somebody had it before
        }
        // One that is in danger needs a worker that holds nothing.
        const bool alone = losses_[run.token] + 1 >= evidence_.terms.max_lost_leases;
        const Micros since = timeline_.somebody_free_since(died, next->began, alone);
        const Micros time = next->began - since;
        verdict_.after_death.add(time);
        verdict_.after_death.at_once += since == died ? 1 : 0;
        if (time > micros(evidence_.terms.lease) + second + slack_) {
            verdict_.findings.push_back({.must = Must::death_in_time,
                                         .token = run.token,
                                         .who = next->worker,
                                         .from = died - second,
                                         .to = next->began,
                                         .words = "event " + std::to_string(run.id) + " began again " +
                                                  std::to_string((next->began - died) / 1000) +
                                                  " ms after the death of " + run.worker + ", and " +
                                                  std::to_string(time / 1000) + " ms after a worker was free for it"});
        }
    }

    /// Redis is back: when does this worker handle something?
    void after_return(const std::string& worker, const Timeline::Life& life, Micros back) {
        if (life.subscribed > back || std::min(life.died, life.ending) <= back || holds_one_in_danger(worker, back)) {
            return;
        }
        const Micros free = timeline_.free_from(worker, back);
        if (free == Timeline::never) {
            return;
        }
        const auto& runs = runs_by_worker_[worker];
        const auto first = std::find_if(runs.begin(), runs.end(), [&](const Run* run) { return run->began >= free; });
        const Micros began = first == runs.end() ? Timeline::never : (*first)->began;
        const Micros bound = second + slack_;
        // Somebody who is stopped, cut off or killed within the time is not one of the living.
        const Micros until = std::min(began, free + bound);
        if (!timeline_.troubles(worker, back, until).empty() || std::min(life.died, life.ending) < until) {
            return;
        }
        const Micros time = std::min(began, timeline_.end()) - free;
        verdict_.after_return.add(time);
        if (time > bound) {
            verdict_.findings.push_back({.must = Must::return_in_time,
                                         .who = worker,
                                         .from = back - second,
                                         .to = std::min(began, back + 5 * second),
                                         .words = worker + " handled nothing for " + std::to_string(time / 1000) +
                                                  " ms after Redis was back and a handler free"});
        }
    }

    /// Then it takes nothing else until that is settled.
    bool holds_one_in_danger(const std::string& worker, Micros at) {
        const auto& runs = runs_by_worker_[worker];
        return std::any_of(runs.begin(), runs.end(), [&](const Run* run) {
            return run->began < at + second && run->ended.value_or(Timeline::never) > at &&
                   losses_[run->token] + 1 >= evidence_.terms.max_lost_leases;
        });
    }

    const GroupEvidence& evidence_;
    const Timeline& timeline_;
    Verdict& verdict_;
    Micros slack_;
    std::map<std::string, int> losses_;  // of each token
    std::map<std::string, std::vector<const Run*>> runs_by_worker_;
};

}  // namespace

void check_times(const GroupEvidence& evidence, const Timeline& timeline, Verdict& verdict) {
    TimeCheck check(evidence, timeline, verdict);
    check.after_deaths();
    check.after_returns();
}

}  // namespace eventy::ledger
