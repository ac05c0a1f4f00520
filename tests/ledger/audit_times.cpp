#include "ledger/audit_times.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace eventy::ledger {

namespace {

class TimeCheck {
public:
    TimeCheck(const GroupEvidence& evidence, const Timeline& timeline, const RetriesByHand& retries, Verdict& verdict)
        : evidence_(evidence),
          timeline_(timeline),
          retries_(retries),
          verdict_(verdict),
          slack_(micros(evidence.terms.slack)) {
        for (const auto& run : timeline.runs()) {
            runs_by_worker_[run.worker].push_back(&run);
            all_by_worker_[run.worker].push_back(&run);
        }
        for (const auto& run : timeline.runs_elsewhere()) {
            all_by_worker_[run.worker].push_back(&run);
        }
        for (auto& [worker, runs] : all_by_worker_) {
            std::sort(runs.begin(), runs.end(), [](const Run* a, const Run* b) { return a->began < b->began; });
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

    void first_starts() {
        std::map<std::string, Micros> published;
        for (const auto& record : evidence_.records) {
            if (record.what == What::acked) {
                published.try_emplace(record.token, record.at);
            }
        }
        std::map<std::int64_t, const Run*> first;
        for (const auto& [token, runs] : timeline_.runs_of()) {
            const Run& run = timeline_.runs()[runs.front()];
            if (life_of(run) == 0) {  // else it was discarded before it could begin
                first[run.id] = &run;
            }
        }
        std::set<Micros> before_it;  // when those of lower ids began
        for (const auto& [id, run] : first) {
            const auto at = published.find(run->token);
            if (at != published.end() && run->began > at->second) {
                const auto later = before_it.upper_bound(run->began);
                first_start(*run, at->second, later == before_it.begin() ? 0 : *std::prev(later), "published");
            }
            before_it.insert(run->began);
        }
    }

    /// What was retried by hand goes before what is new.
    void after_retries() {
        for (const auto& [token, runs] : timeline_.runs_of()) {
            std::size_t life = 0;
            for (const auto i : runs) {
                const Run& run = timeline_.runs()[i];
                const auto confirmed = retries_.confirmed(token, timeline_.taken_at(run));
                if (life_of(run) > life && confirmed && *confirmed < run.began) {
                    first_start(run, *confirmed, 0, "retried by hand");
                }
                life = life_of(run);
            }
        }
    }

private:
    /// Published, and nobody has begun it yet. As long as those published before it begin, it waits for its turn.
    void first_start(const Run& run, Micros published, Micros one_before_it_began, const std::string& how) {
        const Micros free = timeline_.somebody_free_since(published, run.began, run.in_danger);
        const Micros since = std::max(free, one_before_it_began);
        // Who takes it and dies before he begins it loses a lease's time of it.
        const auto lost = std::min<Micros>(run.explained * micros(evidence_.terms.lease), run.began - since);
        const Micros time = run.began - since - lost;
        verdict_.first_start.add(time, run.began - published);
        if (time > micros(evidence_.terms.lease) + second + slack_) {
            verdict_.findings.push_back({.must = Must::start_in_time,
                                         .token = run.token,
                                         .who = run.worker,
                                         .from = since,
                                         .to = run.began,
                                         .words = "event " + std::to_string(run.id) + " began " +
                                                  std::to_string((run.began - published) / 1000) + " ms after it was " +
                                                  how + ", and " + std::to_string(time / 1000) +
                                                  " ms after its turn had come and a worker was free for it"});
        }
    }

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
        if (next == nullptr || next->began <= died || life_of(*next) != life_of(run)) {
            return;  // given up as ERROR, or somebody had it before
        }
        // One that is in danger needs a worker that holds nothing.
        const Micros since = timeline_.somebody_free_since(died, next->began, next->in_danger);
        // Another took it in time and lost that lease before it began it.
        const auto lost =
            std::min(lost_meanwhile(run, *next, died) * micros(evidence_.terms.lease), next->began - since);
        const Micros time = next->began - since - lost;
        verdict_.after_death.add(time, next->began - died);
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

    std::size_t life_of(const Run& run) const { return ledger::life_of(evidence_.stored, run.id, run.epoch); }

    /// How many others took it after the death and lost that lease before they began it, because they died or were in
    /// trouble as well. What else it was lost for is no excuse.
    int lost_meanwhile(const Run& of_the_dead, const Run& next, Micros died) const {
        const auto leases = timeline_.lost_leases(next.token, next.epoch);
        return static_cast<int>(std::count_if(leases.begin(), leases.end(), [&](const Timeline::LostLease& lease) {
            return lease.known > died && lease.worker_id != of_the_dead.worker_id && lease.began;
        }));
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
        const auto& runs = all_by_worker_[worker];
        const auto first = std::find_if(runs.begin(), runs.end(), [&](const Run* run) { return run->began >= free; });
        const Micros began = first == runs.end() ? Timeline::never : (*first)->began;
        const Micros bound = second + slack_;
        // Somebody who is stopped, cut off or killed within the time is not one of the living.
        const Micros until = std::min(began, free + bound);
        if (!timeline_.troubles(worker, back, until).empty() || std::min(life.died, life.ending) < until) {
            return;
        }
        const Micros time = std::min(began, timeline_.end()) - free;
        verdict_.after_return.add(time, std::min(began, timeline_.end()) - back);
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
            return run->began < at + second && run->ended.value_or(Timeline::never) > at && run->in_danger;
        });
    }

    const GroupEvidence& evidence_;
    const Timeline& timeline_;
    const RetriesByHand& retries_;
    Verdict& verdict_;
    Micros slack_;
    std::map<std::string, std::vector<const Run*>> runs_by_worker_, all_by_worker_;  // of the group; of all groups
};

}  // namespace

void check_times(const GroupEvidence& evidence, const Timeline& timeline, const RetriesByHand& retries,
                 Verdict& verdict) {
    TimeCheck check(evidence, timeline, retries, verdict);
    check.after_deaths();
    if (evidence.tells_returns) {
        check.after_returns();
    }
    check.first_starts();
    check.after_retries();
}

}  // namespace eventy::ledger
