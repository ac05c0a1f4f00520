#include "ledger/audit_published.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace eventy::ledger {

namespace {

class PublishCheck {
public:
    PublishCheck(const GroupEvidence& evidence, const RedisLosses& losses, Verdict& verdict)
        : evidence_(evidence), losses_(losses), verdict_(verdict) {
        for (const auto& record : evidence.records) {
            switch (record.what) {
                case What::intend: intended_[record.token] = record.at; break;
                case What::acked: read_acked(record); break;
                case What::unknown:
                    if (!acked_.contains(record.token)) {
                        unknown_.insert(record.token);
                    }
                    break;
                default: break;
            }
        }
        for (const auto& [id, event] : evidence.stored.events) {
            ids_[event.token].push_back(id);
        }
    }

    void check() {
        verdict_.acked = static_cast<std::int64_t>(acked_.size());
        verdict_.unknown = static_cast<std::int64_t>(unknown_.size());
        verdict_.stored = static_cast<std::int64_t>(evidence_.stored.events.size());
        for (const auto& token : unknown_) {
            verdict_.unknown_there += ids_.contains(token) ? 1 : 0;
        }
        for (const auto& [token, at] : intended_) {
            verdict_.never_told += acked_.contains(token) || unknown_.contains(token) || !ids_.contains(token) ? 0 : 1;
        }
        for (const auto& [token, record] : acked_) {
            const auto ids = ids_.find(token);
            if (ids != ids_.end()) {
                if (ids->second.size() == 1 && ids->second[0] != record.id) {
                    find(Must::no_duplicate, token,
                         "published as event " + std::to_string(record.id) + " and stands as event " +
                             std::to_string(ids->second[0]));
                }
                continue;
            }
            if (const auto age = losses_.may_be_lost(intended_[token], record.at)) {
                ++verdict_.lost_with_redis;
                verdict_.lost_oldest = std::max(verdict_.lost_oldest, *age);
            } else {
                find(Must::nothing_lost, token,
                     "acknowledged as event " + std::to_string(record.id) + " and not in Redis");
            }
        }
        for (const auto& [token, ids] : ids_) {
            if (ids.size() > 1) {
                find(Must::no_duplicate, token,
                     "published once and " + std::to_string(ids.size()) + " times in Redis, as events " +
                         std::to_string(ids[0]) + " and " + std::to_string(ids[1]));
            }
            if (!intended_.contains(token)) {
                find(Must::no_duplicate, token,
                     "event " + std::to_string(ids[0]) + " in Redis was published by nobody");
            }
        }
    }

private:
    void find(Must must, const std::string& token, std::string words) {
        verdict_.findings.push_back({.must = must, .token = token, .words = std::move(words)});
    }

    /// A publish with a dedup_key may be told twice; but not two things.
    void read_acked(const Record& record) {
        unknown_.erase(record.token);
        const auto before = acked_.find(record.token);
        if (before != acked_.end() && before->second.id != record.id &&
            !losses_.may_be_lost(intended_[record.token], before->second.at)) {
            find(Must::no_duplicate, record.token,
                 "published as event " + std::to_string(before->second.id) +
                     " and, with its dedup_key again, as event " + std::to_string(record.id));
        }
        acked_[record.token] = record;
    }

    const GroupEvidence& evidence_;
    const RedisLosses& losses_;
    Verdict& verdict_;
    std::map<std::string, Micros> intended_;
    std::map<std::string, Record> acked_;
    std::set<std::string> unknown_;
    std::map<std::string, std::vector<std::int64_t>> ids_;
};

}  // namespace

RedisLosses::RedisLosses(const std::vector<Record>& records, const Terms& terms) : may_lose_(micros(terms.may_lose)) {
    for (const auto& record : records) {
        if (record.what == What::redis_killed) {
            kills_.push_back(record.at);
        }
    }
}

std::optional<Micros> RedisLosses::may_be_lost(Micros begun, Micros confirmed) const {
    constexpr Micros until_dead = 100'000;  // the kill is recorded, and that is synced, before it is done
    for (const Micros kill : kills_) {
        if (begun <= kill + until_dead && may_lose_ > 0 && confirmed >= kill - may_lose_) {
            return std::max<Micros>(kill - confirmed, 0);
        }
    }
    return std::nullopt;
}

void check_published(const GroupEvidence& evidence, const RedisLosses& losses, Verdict& verdict) {
    PublishCheck(evidence, losses, verdict).check();
}

}  // namespace eventy::ledger
