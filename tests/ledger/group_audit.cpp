#include "ledger/group_audit.hpp"

#include <algorithm>

#include "ledger/audit_expiry.hpp"
#include "ledger/audit_published.hpp"
#include "ledger/audit_retries.hpp"
#include "ledger/audit_times.hpp"
#include "ledger/timeline.hpp"

namespace eventy::ledger {

namespace {

Timeline::Failures failures_of(const StoredState& stored) {
    Timeline::Failures failures;
    for (const auto& [id, event] : stored.events) {
        auto& all = failures[event.token];
        all = event.failures;
        for (const auto& life : event.before) {
            const Micros at = life.last_epoch + 1;
            const auto later = [at](const StoredFailure& failure) { return failure.at >= at; };
            all.insert(std::find_if(all.begin(), all.end(), later), {.at = at});
        }
    }
    return failures;
}

class Auditor {
public:
    explicit Auditor(const GroupEvidence& evidence)
        : evidence_(evidence),
          terms_(evidence.terms),
          timeline_(evidence.records, evidence.terms, evidence.place, failures_of(evidence.stored)),
          redis_losses_(evidence.records, evidence.terms),
          retries_(evidence.records) {}

    Verdict run() {
        read_discards();
        if (evidence_.tells_publishing) {
            check_published(evidence_, redis_losses_, verdict_);
            retries_.check(evidence_.stored, verdict_);
        }
        check_events();
        check_states();
        for (const auto& [token, runs] : timeline_.runs_of()) {
            check_runs(token, runs);
        }
        check_fences();
        check_discards();
        check_expiry(evidence_, timeline_, redis_losses_, verdict_);
        check_times(evidence_, timeline_, retries_, verdict_);
        return std::move(verdict_);
    }

private:
    void find(Must must, const std::string& token, std::string words) {
        verdict_.findings.push_back({.must = must, .token = token, .words = std::move(words)});
    }

    void read_discards() {
        for (const auto& record : evidence_.records) {
            switch (record.what) {
                case What::discarding: discards_[record.token] = record; break;
                case What::discarded:
                    if (record.note == "given up") {
                        discards_[record.token] = record;
                    } else if (record.note == "too late") {
                        discards_.erase(record.token);
                    }
                    break;
                default: break;
            }
        }
    }

    // -- what became of each event ------------------------------------------------------------------------------------

    using Runs = std::vector<std::size_t>;

    void check_events() {
        for (const auto& [id, event] : evidence_.stored.events) {
            std::vector<Runs> lives(event.before.size() + 1);
            const auto found = timeline_.runs_of().find(event.token);
            for (const auto i : found == timeline_.runs_of().end() ? Runs() : found->second) {
                lives[ledger::life_of(event, timeline_.runs()[i].epoch)].push_back(i);
            }
            for (std::size_t life = 0; life < event.before.size(); ++life) {
                check_past_life(id, event, event.before[life], lives[life]);
                check_settled_by(id, event.token, event.before[life].settles, lives[life]);
            }
            check_last_life(id, event, lives.back());
            check_settled_by(id, event.token, event.settles, lives.back());
        }
    }

    void check_last_life(std::int64_t id, const StoredEvent& event, const Runs& runs) {
        if (event.places == std::vector<std::string>{"done"}) {
            ++verdict_.processed;
            check_done(id, event, runs);
        } else if (event.places == std::vector<std::string>{"dead"}) {
            ++verdict_.given_up;
            const bool discarded_before = std::any_of(event.before.begin(), event.before.end(),
                                                      [](const PastLife& life) { return life.discarded; });
            if (discards_.contains(event.token) && !discarded_before) {
                ++verdict_.discarded;
            } else {
                check_given_up(id, event, runs, INT64_MAX);
            }
        } else if (event.places.size() == 1 && event.places[0] != "expired") {
            ++verdict_.unfinished;
            find(Must::nothing_lost, event.token, "event " + std::to_string(id) + " is still " + event.places[0]);
        }
    }

    /// It ended because somebody retried what had been given up.
    void check_past_life(std::int64_t id, const StoredEvent& event, const PastLife& life, const Runs& runs) {
        if (!life.settles.empty() && life.settles.back().status == "PROCESSED") {
            find(Must::one_state, event.token,
                 "event " + std::to_string(id) + " had been processed, and was given up and retried by hand");
        } else if (!life.discarded || !life.settles.empty() || !discards_.contains(event.token)) {
            check_given_up(id, event, runs, life.last_epoch);
        }
    }

    void check_done(std::int64_t id, const StoredEvent& event, const Runs& runs) {
        const bool finished = std::any_of(runs.begin(), runs.end(), [&](std::size_t i) {
            const Run& run = timeline_.runs()[i];
            return run.outcome == "ok" && run.worker_id == event.settles.back().worker;
        });
        if (!finished) {
            find(Must::nothing_lost, event.token,
                 "event " + std::to_string(id) + " is PROCESSED by " + event.settles.back().worker +
                     ", which never finished it");
        }
    }

    /// In a life that has these runs and takes up to this epoch.
    void check_given_up(std::int64_t id, const StoredEvent& event, const Runs& runs, std::int64_t last_epoch) {
        int failed = 0;
        bool rejected = false;
        for (const auto i : runs) {
            const Run& run = timeline_.runs()[i];
            failed += counts_as_failed(run) ? 1 : 0;
            rejected = rejected || run.outcome == "rejects";
        }
        if (rejected || failed >= terms_.max_attempts) {
            return;
        }
        const auto leases = timeline_.lost_leases(event.token, last_epoch);
        const auto lost =
            std::count_if(leases.begin(), leases.end(), [](const auto& one) { return one.began.has_value(); });
        if (lost < terms_.max_lost_leases) {
            find(Must::nothing_lost, event.token,
                 "event " + std::to_string(id) + " was given up (" + event.error + ") after " + std::to_string(failed) +
                     " failed attempts and " + std::to_string(lost) + " explained lost leases");
        }
    }

    /// The settle that counts must have been that of the last taker.
    void check_settled_by(std::int64_t id, const std::string& token, const std::vector<Settle>& settles,
                          const Runs& runs) {
        if (settles.empty() || runs.empty()) {
            return;
        }
        const Run& last = timeline_.runs()[runs.back()];
        const Settle& settle = settles.back();
        const bool another = settle.worker != last.worker_id;
        // The same worker had it twice: its last run must be the one that is stored.
        const bool earlier =
            !another && settle.status == "PROCESSED" && last.ended && last.outcome != "ok" && last.outcome != "crashes";
        const Micros taken = timeline_.taken_at(last);
        if ((another || earlier) && redis_losses_.may_be_lost(taken, taken)) {
            return;  // Redis knows nothing of that take: the lease before it holds again
        }
        if (another || earlier) {
            find(Must::no_stale_settle, token,
                 "event " + std::to_string(id) + " was settled by " + settle.worker + ", though " + last.worker +
                     " had taken it later, under epoch " + std::to_string(last.epoch));
        } else if (settles.size() > 1) {
            find(Must::no_stale_settle, token,
                 "event " + std::to_string(id) + " was settled " + std::to_string(settles.size()) +
                     " times, first by " + settles.front().worker);
        }
    }

    /// What was discarded before its take must not be handled, unless it was retried since. To a group that did not
    /// exist yet neither was anything.
    void check_discards() {
        for (const auto& [token, record] : discards_) {
            const auto runs = timeline_.runs_of().find(token);
            for (const auto i : runs == timeline_.runs_of().end() ? std::vector<std::size_t>() : runs->second) {
                const Run& run = timeline_.runs()[i];
                const Micros taken = timeline_.taken_at(run);
                if (record.what == What::discarded && taken > record.at + Timeline::about && life_of(run) == 0 &&
                    !retries_.asked(token, record.at, taken)) {
                    find(Must::all_explained, token,
                         "event " + std::to_string(run.id) + " was taken by " + run.worker +
                             " after it had been discarded");
                }
            }
        }
    }

    void check_fences() {
        std::map<std::pair<std::string, std::int64_t>, Micros> begun;
        for (const auto& record : evidence_.records) {
            const std::pair key(record.who + ' ' + record.token, record.epoch);
            if (record.what == What::fence) {
                begun[key] = record.at;
            } else if (record.what == What::fenced && record.note == "refused") {
                ++verdict_.refused_stale;
            } else if (record.what == What::fenced && record.note == "accepted") {
                for (const auto i : timeline_.runs_of().at(record.token)) {
                    const Run& run = timeline_.runs()[i];
                    const Micros taken = timeline_.taken_at(run);
                    if (run.epoch > record.epoch && run.began < begun[key] &&
                        !redis_losses_.may_be_lost(taken, taken)) {
                        find(Must::no_stale_settle, record.token,
                             "a call of " + record.who + " under epoch " + std::to_string(record.epoch) +
                                 " was accepted after epoch " + std::to_string(run.epoch) + " had begun");
                    }
                }
            }
        }
    }

    void check_states() {
        for (const auto& record : evidence_.records) {
            if (record.what == What::two_places) {
                const auto event = evidence_.stored.events.find(record.id);
                find(Must::one_state, event == evidence_.stored.events.end() ? "" : event->second.token,
                     "event " + std::to_string(record.id) + " was " + record.note);
                verdict_.findings.back().from = record.at - second;
                verdict_.findings.back().to = record.at;
            }
        }
        for (const auto& [id, event] : evidence_.stored.events) {
            const std::string name = "event " + std::to_string(id);
            if (event.places.empty()) {
                find(Must::one_state, event.token, name + " is in no state; its status is " + event.status);
            } else if (event.places.size() > 1) {
                find(Must::one_state, event.token, name + " is " + event.places[0] + " and " + event.places[1]);
            } else if (!event.flaw.empty()) {
                find(Must::one_state, event.token, name + ": " + event.flaw);
            }
        }
        const auto there = static_cast<std::int64_t>(evidence_.stored.events.size());
        if (there != evidence_.stored.last_id) {
            find(Must::one_state, "",
                 std::to_string(evidence_.stored.last_id) + " ids were given, and " + std::to_string(there) +
                     " events are there");
        }
    }

    // -- handled again ------------------------------------------------------------------------------------------------

    /// When the handler's worker can have known of its end: `end` is written before the handler returns, and a process
    /// that is stopped just then returns when it goes on.
    Micros returned(const Run& run) const {
        constexpr Micros just_then = 100000;
        Micros at = run.ended.value_or(timeline_.end());
        for (const auto& span : timeline_.troubles(run.worker, at, at + just_then)) {
            at = span.why == Timeline::stopped || span.why == Timeline::starved ? std::max(at, span.to) : at;
        }
        return at;
    }

    bool counts_as_failed(const Run& run) const {
        const Micros ran = returned(run) - run.began;
        return run.outcome.starts_with("throws") || run.outcome == "asks for a retry" || run.outcome == "rejects" ||
               ran >= micros(terms_.handler_timeout);
    }

    std::size_t life_of(const Run& run) const { return ledger::life_of(evidence_.stored, run.id, run.epoch); }

    void check_runs(const std::string& token, const std::vector<std::size_t>& runs) {
        for (std::size_t i = 1; i < runs.size(); ++i) {
            const Run& before = timeline_.runs()[runs[i - 1]];
            const Run& again = timeline_.runs()[runs[i]];
            ++verdict_.handled_again;
            auto reason = reason_for(before, again);
            if (reason.empty() && goes_on_behind_lost_takes(runs, i)) {
                reason = redis_lost_it;
            }
            if (!reason.empty()) {
                ++verdict_.reasons[reason];
            } else {
                find(Must::all_explained, token,
                     "event " + std::to_string(again.id) + " was handled by " + before.worker + " under epoch " +
                         std::to_string(before.epoch) + " (" + (before.ended ? before.outcome : "not ended") +
                         ") and again by " + again.worker + " under epoch " + std::to_string(again.epoch));
            }
        }
    }

    /// Why the event was handled again; empty when there is no reason.
    std::string reason_for(const Run& before, const Run& again) const {
        if (before.epoch == again.epoch) {
            return {};
        }
        if (life_of(again) != life_of(before)) {
            const bool anew = again.attempt == 1 && retries_.asked(again.token, 0, timeline_.taken_at(again));
            return anew ? "retried by hand" : "";
        }
        if (again.attempt > before.attempt) {
            return again.attempt == before.attempt + 1 && counts_as_failed(before) ? "failed attempt" : "";
        }
        const auto& life = timeline_.workers().at(before.worker);
        const bool unsettled = !before.ended || life.died - *before.ended <= micros(terms_.lease) ||
                               timeline_.troubled_time(before.worker, *before.ended, life.died) > 0;
        if (life.at_once && life.died <= again.began && unsettled) {
            return "its worker " + std::string(life.how == "crashed" ? "crashed" : "was killed");
        }
        if (redis_losses_.may_be_lost(timeline_.taken_at(before), before.ended.value_or(again.began))) {
            return redis_lost_it;
        }
        // To lose a lease, a worker has to miss its renewals at a third of the lease's time.
        const Micros taken = timeline_.taken_at(before);
        if (timeline_.troubled_time(before.worker, taken, again.began) >= micros(terms_.lease) / 2) {
            auto spans = timeline_.troubles(before.worker, taken, again.began);
            // Who is stopped finds later that the machine did not run him: the stop is the reason.
            const auto weight = [](const Span& span) {
                return span.why == Timeline::starved ? 0 : span.to - span.from;
            };
            const auto longest = std::max_element(spans.begin(), spans.end(),
                                                  [&](const Span& a, const Span& b) { return weight(a) < weight(b); });
            return "lost lease: " + longest->why;
        }
        return {};
    }

    /// Redis lost the takes before this run, the lease that they had followed held again, and its handler failed.
    bool goes_on_behind_lost_takes(const Runs& runs, std::size_t i) const {
        const Run& again = timeline_.runs()[runs[i]];
        for (std::size_t earlier = i; earlier-- > 0;) {
            const Run& before = timeline_.runs()[runs[earlier]];
            if (earlier + 1 < i && life_of(before) == life_of(again) && again.attempt == before.attempt + 1 &&
                counts_as_failed(before) && returned(before) <= again.began) {
                return true;
            }
            const Micros taken = timeline_.taken_at(before);
            if (!redis_losses_.may_be_lost(taken, taken)) {
                return false;
            }
        }
        return false;
    }

    static constexpr const char* redis_lost_it = "Redis lost what it knew of it";

    const GroupEvidence& evidence_;
    const Terms& terms_;
    Timeline timeline_;
    Verdict verdict_;
    RedisLosses redis_losses_;
    RetriesByHand retries_;
    std::map<std::string, Record> discards_;  // that were asked for, unless they came too late
};

}  // namespace

Verdict audit_group(const GroupEvidence& evidence) {
    Verdict verdict = Auditor(evidence).run();
    for (auto& finding : verdict.findings) {
        finding.where = evidence.place;
    }
    return verdict;
}

}  // namespace eventy::ledger
