#include "ledger/audit_expiry.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace eventy::ledger {

namespace {

class ExpiryCheck {
public:
    ExpiryCheck(const GroupEvidence& evidence, const Timeline& timeline, const RedisLosses& losses, Verdict& verdict)
        : evidence_(evidence), timeline_(timeline), losses_(losses), verdict_(verdict) {}

    void check() {
        for (const auto& [id, event] : evidence_.stored.events) {
            if (!event.vanished) {
                continue;
            }
            id_ = id;
            event_ = &event;
            check_time();
            check_takes();
            if (event.places == std::vector<std::string>{"expired"}) {
                check_expired();
            } else {
                ++(event.places == std::vector<std::string>{"done"} ? verdict_.gone_processed : verdict_.gone_given_up);
            }
        }
        check_count();
        check_leftovers();
    }

private:
    void find(Must must, std::string words) {
        verdict_.findings.push_back(
            {.must = must, .token = event_->token, .words = "event " + std::to_string(id_) + ' ' + std::move(words)});
    }

    /// It is kept for its TTL from when it was published, and again from each failed attempt. Redis's clock tells.
    void check_time() {
        constexpr Micros rounding = 2000;
        Micros from = event_->created;
        for (const auto& failure : event_->failures) {
            from = failure.lost_lease ? from : std::max(from, failure.at);
        }
        const Micros early = from + micros(ttl_of(evidence_.place.type)) - rounding - event_->vanished->by;
        if (early > 0) {
            find(Must::nothing_lost, "was gone " + std::to_string(early / 1000) + " ms before its time");
        }
    }

    std::vector<const Run*> runs() const {
        std::vector<const Run*> all;
        if (const auto found = timeline_.runs_of().find(event_->token); found != timeline_.runs_of().end()) {
            for (const auto i : found->second) {
                all.push_back(&timeline_.runs()[i]);
            }
        }
        return all;
    }

    void check_takes() {
        for (const auto* run : runs()) {
            const Micros taken = timeline_.taken_at(*run);
            if (run->epoch > event_->vanished->last_epoch && !losses_.may_be_lost(taken, taken)) {
                find(Must::all_explained, "was taken by " + run->worker + " under epoch " + std::to_string(run->epoch) +
                                              " when it was gone");
            }
        }
    }

    /// Neither processed nor given up, as Redis has written it down. Who held it when it vanished settles it late.
    void check_expired() {
        const auto all = runs();
        const auto& late = event_->vanished->late;
        if (!late.empty()) {
            ++(late[0].status == "PROCESSED" ? verdict_.ended_late : verdict_.expired);
            if (late.size() > 1) {
                find(Must::no_stale_settle, "was settled " + std::to_string(late.size()) + " times when it was gone");
            }
            const bool processed = late[0].status == "PROCESSED";
            if (std::none_of(all.begin(), all.end(), [&](const Run* run) {
                    return run->worker_id == late[0].worker && (run->outcome == "ok") == processed;
                })) {
                find(Must::nothing_lost,
                     "was " + late[0].status + " by " + late[0].worker + " when it was gone, which never ended it so");
            }
            return;
        }
        ++verdict_.expired;
        for (const auto* run : all) {
            if (run->outcome == "ok" && !may_be_unsettled(*run)) {
                find(Must::nothing_lost,
                     "was finished by " + run->worker + ", and expired as if nobody had processed it");
            }
        }
    }

    /// Its worker died, could not reach Redis or lost the lease, or Redis lost what it had been told.
    bool may_be_unsettled(const Run& run) const {
        const Micros ended = run.ended.value_or(timeline_.end());
        const Micros lease = micros(evidence_.terms.lease);
        const Micros taken = timeline_.taken_at(run);
        const auto& life = timeline_.workers().at(run.worker);
        return (life.at_once && life.died <= ended + lease) ||
               timeline_.troubled_time(run.worker, taken, ended) >= lease / 2 ||
               timeline_.troubled_time(run.worker, ended, ended + lease) > 0 || losses_.may_be_lost(taken, ended);
    }

    void check_count() {
        verdict_.counted_expired = evidence_.stored.expired;
        if (verdict_.expired != evidence_.stored.expired) {
            verdict_.findings.push_back({.must = Must::expiry_counted,
                                         .words = std::to_string(verdict_.expired) +
                                                  " events expired before they were processed or given up, " +
                                                  std::to_string(verdict_.ended_late) +
                                                  " were processed late, and the queue counts " +
                                                  std::to_string(evidence_.stored.expired)});
        }
    }

    void check_leftovers() {
        for (const auto& [id, key] : evidence_.stored.leftovers) {
            const auto event = evidence_.stored.events.find(id);
            verdict_.findings.push_back(
                {.must = Must::one_state,
                 .token = event == evidence_.stored.events.end() ? "" : event->second.token,
                 .words = "event " + std::to_string(id) + " is gone, and " + key + " still speaks of it"});
        }
    }

    const GroupEvidence& evidence_;
    const Timeline& timeline_;
    const RedisLosses& losses_;
    Verdict& verdict_;
    std::int64_t id_ = 0;
    const StoredEvent* event_ = nullptr;
};

}  // namespace

void check_expiry(const GroupEvidence& evidence, const Timeline& timeline, const RedisLosses& losses,
                  Verdict& verdict) {
    ExpiryCheck(evidence, timeline, losses, verdict).check();
}

}  // namespace eventy::ledger
