#include "ledger/audit.hpp"

#include "ledger/group_audit.hpp"

namespace eventy::ledger {

namespace {

void count_faults(const std::vector<Record>& records, Verdict& verdict) {
    for (const auto& record : records) {
        switch (record.what) {
            case What::terminated:
                if (record.note != end_of_run) {
                    ++verdict.faults["terminated"];
                }
                break;
            case What::killed:
            case What::stopped:
            case What::cut:
            case What::stalled:
            case What::silenced:
            case What::client_kill:
            case What::script_flush:
            case What::redis_killed: ++verdict.faults[std::string(name_of(record.what))]; break;
            case What::end:
                if (record.note == "crashes") {
                    ++verdict.faults["handler crashes"];
                }
                break;
            default: break;
        }
    }
}

bool belongs(const std::string& part, const std::string& whole) {
    return part.empty() || whole.empty() || part == whole;
}

/// What other groups run on the same server may use the same threads, but for those of Flash; and a crash ends them
/// all, wherever it was.
bool matters_elsewhere(const Record& record, const Place& place) {
    const bool its_threads = record.where.server == place.server &&
                             (record.where.type == Flash::event_name) == (place.type == Flash::event_name);
    return (record.what == What::start && its_threads) ||
           (record.what == What::end && (its_threads || record.note == "crashes"));
}

void add(const Verdict& one, const Place& place, Verdict& all) {
    all.acked += one.acked;
    all.unknown += one.unknown;
    all.unknown_there += one.unknown_there;
    all.never_told += one.never_told;
    all.stored += one.stored;
    all.processed += one.processed;
    all.given_up += one.given_up;
    all.unfinished += one.unfinished;
    all.lost_with_redis += one.lost_with_redis;
    all.lost_oldest = std::max(all.lost_oldest, one.lost_oldest);
    all.refused_stale += one.refused_stale;
    all.handled_again += one.handled_again;
    for (const auto& [reason, number] : one.reasons) {
        all.reasons[reason] += number;
    }
    all.after_death.add(one.after_death);
    all.after_return.add(one.after_return);
    all.first_start.add(one.first_start);
    all.retried += one.retried;
    all.discarded += one.discarded;
    all.gone_processed += one.gone_processed;
    all.gone_given_up += one.gone_given_up;
    all.expired += one.expired;
    all.ended_late += one.ended_late;
    all.counted_expired += one.counted_expired;
    all.findings.insert(all.findings.end(), one.findings.begin(), one.findings.end());
    all.groups.push_back({.place = place,
                          .processed = one.processed,
                          .given_up = one.given_up,
                          .handled_again = one.handled_again,
                          .after_death = one.after_death,
                          .first_start = one.first_start});
}

}  // namespace

bool concerns(const Record& record, const Place& group) {
    return belongs(record.where.server, group.server) && belongs(record.where.type, group.type) &&
           belongs(record.where.group, group.group);
}

std::int64_t Verdict::broken(Must must) const {
    return std::count_if(findings.begin(), findings.end(), [must](const Finding& f) { return f.must == must; });
}

std::int64_t Verdict::broken(Must must, const Place& place) const {
    return std::count_if(findings.begin(), findings.end(),
                         [&](const Finding& f) { return f.must == must && f.where == place; });
}

Verdict audit(const Evidence& evidence) {
    Verdict verdict;
    count_faults(evidence.records, verdict);
    const Place* before = nullptr;
    for (const auto& [place, stored] : evidence.stored) {
        const bool first = before == nullptr || before->server != place.server || before->type != place.type;
        GroupEvidence one{.place = place,
                          .tells_publishing = first,
                          .tells_returns = before == nullptr || before->server != place.server,
                          .records = {},
                          .stored = stored,
                          .terms = evidence.terms};
        for (const auto& record : evidence.records) {
            if (concerns(record, place) || matters_elsewhere(record, place)) {
                one.records.push_back(record);
            }
        }
        add(audit_group(one), place, verdict);
        before = &place;
    }
    return verdict;
}

}  // namespace eventy::ledger
