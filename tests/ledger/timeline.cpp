#include "ledger/timeline.hpp"

#include <algorithm>
#include <tuple>

namespace eventy::ledger {

namespace {

// All handlers of all workers busy for a moment is no excuse.
constexpr Micros longest_break = 250000;

bool is_worker(const std::string& who) { return who.starts_with("w"); }

std::int64_t whole_number(const std::string& text) {
    try {
        return std::stoll(text);
    } catch (const std::exception&) {
        return 0;
    }
}

/// What is left of `spans` without `holes`; both merged.
std::vector<Span> without(const std::vector<Span>& spans, const std::vector<Span>& holes) {
    std::vector<Span> left;
    for (auto span : spans) {
        for (const auto& hole : holes) {
            if (hole.to <= span.from || hole.from >= span.to) {
                continue;
            }
            if (hole.from > span.from) {
                left.push_back({span.from, hole.from});
            }
            span.from = std::min(hole.to, span.to);
        }
        if (span.from < span.to) {
            left.push_back(span);
        }
    }
    return left;
}

}  // namespace

std::vector<Span> merged(std::vector<Span> spans, Micros gap) {
    std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.from < b.from; });
    std::vector<Span> all;
    for (auto& span : spans) {
        if (!all.empty() && span.from - gap <= all.back().to) {
            all.back().to = std::max(all.back().to, span.to);
        } else {
            all.push_back(std::move(span));
        }
    }
    return all;
}

Timeline::Timeline(const std::vector<Record>& records, const Terms& terms, Place place, Failures failures)
    : place_(std::move(place)),
      failures_(std::move(failures)),
      lease_(micros(terms.lease)),
      end_(records.empty() ? 0 : records.back().at) {
    read_lives(records);
    read_runs(records);
    read_troubles(records);
    for (auto& run : runs_) {
        const auto lost = lost_leases(run.token, run.epoch);
        run.lost_before = static_cast<int>(lost.size());
        run.explained = static_cast<int>(
            std::count_if(lost.begin(), lost.end(), [](const LostLease& one) { return one.began.has_value(); }));
        run.in_danger = terms.max_lost_leases > 1 && run.lost_before + 1 >= terms.max_lost_leases;
    }
    find_free(terms);
}

void Timeline::read_lives(const std::vector<Record>& records) {
    for (const auto& record : records) {
        if (!is_worker(record.who)) {
            continue;
        }
        if (record.what == What::spawned) {
            names_[record.note] = record.who;
        } else if (record.what == What::start) {
            lives_.try_emplace(record.who);
        } else if (record.what == What::subscribed) {
            lives_[record.who].subscribed = record.at;
        } else if (record.what == What::resting) {
            lives_[record.who].rests.push_back({record.at, never});
        } else if (record.what == What::rested) {
            lives_[record.who].rests.back().to = record.at;
        } else if (record.what == What::terminated || record.what == What::ending) {
            auto& life = lives_[record.who];
            life.ending = std::min(life.ending, record.at);
        } else if (record.what == What::killed || (record.what == What::end && record.note == "crashes") ||
                   record.what == What::exited) {
            auto& life = lives_[record.who];
            if (life.died == never) {
                life.at_once = record.what != What::exited || record.note.starts_with("signal");
                life.how = record.what == What::killed ? "killed" : record.what == What::end ? "crashed" : record.note;
            }
            life.died = std::min(life.died, record.at);
        }
    }
}

void Timeline::read_runs(const std::vector<Record>& records) {
    std::map<std::tuple<std::string, Place, std::string, std::int64_t>, std::pair<std::vector<Run>*, std::size_t>> open;
    for (const auto& record : records) {
        const std::tuple key(record.who, record.where, record.token, record.epoch);
        if (record.what == What::intend) {
            published_.try_emplace(record.token, record.at);
        } else if (record.what == What::start) {
            const bool own = record.where == place_;
            auto& runs = own ? runs_ : elsewhere_;
            open[key] = {&runs, runs.size()};
            if (own) {
                runs_of_[record.token].push_back(runs.size());
            }
            names_[record.note] = record.who;
            if (own) {
                behind_ = std::min(behind_, record.at - record.epoch);
            }
            runs.push_back({.where = record.where,
                            .token = record.token,
                            .worker = record.who,
                            .worker_id = record.note,
                            .id = record.id,
                            .epoch = record.epoch,
                            .attempt = record.attempt,
                            .began = record.at});
        } else if (record.what == What::end) {
            if (const auto found = open.find(key); found != open.end()) {
                Run& run = found->second.first->at(found->second.second);
                run.ended = record.at;
                run.outcome = record.note;
            }
        }
    }
    for (auto& [token, of_token] : runs_of_) {
        std::sort(of_token.begin(), of_token.end(), [this](std::size_t a, std::size_t b) {
            return std::pair(runs_[a].epoch, a) < std::pair(runs_[b].epoch, b);
        });
    }
}

void Timeline::add_trouble(const std::string& who, Span span) { troubles_[who].push_back(std::move(span)); }

void Timeline::read_troubles(const std::vector<Record>& records) {
    std::map<std::string, Span> halted, held;
    std::optional<Span> away;
    for (const auto& record : records) {
        switch (record.what) {
            case What::stopped: halted[record.who] = {record.at, never, stopped}; break;
            case What::continued:
                if (auto span = halted.extract(record.who)) {
                    span.mapped().to = record.at;
                    add_trouble(record.who, span.mapped());
                }
                break;
            case What::stalled:
            case What::silenced:
                held[record.who] = {record.at, never, "its connections were " + std::string(name_of(record.what))};
                break;
            case What::flowing:
                if (auto span = held.extract(record.who)) {
                    span.mapped().to = record.at;
                    add_trouble(record.who, span.mapped());
                }
                break;
            case What::starved:
                add_trouble(record.who, {record.at - whole_number(record.note) * 1000, record.at, starved});
                break;
            case What::redis_slow:
                redis_away_.push_back({record.at - whole_number(record.note) * 1000, record.at, "Redis was slow"});
                break;
            case What::redis_killed: away = {record.at, never, "Redis was away"}; break;
            case What::redis_back:
                if (away) {
                    away->to = record.at;
                    redis_away_.push_back(*away);
                    away.reset();
                }
                break;
            default: break;
        }
    }
    for (const auto* open : {&halted, &held}) {
        for (const auto& [who, span] : *open) {
            add_trouble(who, span);
        }
    }
    if (away) {
        redis_away_.push_back(*away);
    }
}

std::vector<Span> Timeline::troubles(const std::string& worker, Micros from, Micros to) const {
    std::vector<Span> found;
    const auto add = [&](const std::vector<Span>& spans) {
        for (const auto& span : spans) {
            if (span.from < to && span.to > from) {
                found.push_back(span);
            }
        }
    };
    add(redis_away_);
    if (const auto own = troubles_.find(worker); own != troubles_.end()) {
        add(own->second);
    }
    return found;
}

Micros Timeline::troubled_time(const std::string& worker, Micros from, Micros to) const {
    Micros time = 0;
    for (const auto& span : merged(troubles(worker, from, to))) {
        time += std::min(span.to, to) - std::max(span.from, from);
    }
    return time;
}

bool Timeline::share_threads(const std::string& worker, const Run& run) const {
    return run.worker == worker && (has_manager(worker) || run.where.type == place_.type);
}

std::vector<Span> Timeline::free_spans(const std::string& worker, const Life& life, const Terms& terms,
                                       bool idle) const {
    struct Step {
        Micros at;
        int threads;  // how many more run
        int unfree;   // of them such as let nothing of this group beside them
        auto operator<=>(const Step&) const = default;
    };
    std::vector<Step> steps;
    const auto add = [&](const Run& run, bool lets_nothing_beside) {
        const int unfree = lets_nothing_beside ? 1 : 0;
        steps.push_back({run.began, 1, unfree});
        // What ended may still have to be told to the worker; that is not the ledger's to know.
        steps.push_back({run.ended.value_or(never), -1, -unfree});
    };
    for (const auto& run : runs_) {
        if (run.worker == worker) {
            add(run, idle || run.in_danger);
        }
    }
    for (const auto& run : elsewhere_) {
        if (share_threads(worker, run)) {
            add(run, false);
        }
    }
    std::sort(steps.begin(), steps.end());
    std::vector<Span> full;
    int threads = 0, unfree = 0;
    std::optional<Micros> since;
    for (const auto& step : steps) {
        if (since) {
            full.push_back({*since, step.at});
        }
        threads += step.threads;
        unfree += step.unfree;
        since = threads >= terms.concurrency || unfree > 0 ? std::optional(step.at) : std::nullopt;
    }
    auto holes = troubles(worker, 0, never);
    holes.insert(holes.end(), full.begin(), full.end());
    holes.insert(holes.end(), life.rests.begin(), life.rests.end());
    const Micros to = std::min(life.ending, life.died);
    return life.subscribed < to ? without({{life.subscribed, to}}, merged(std::move(holes))) : std::vector<Span>();
}

std::optional<Micros> Timeline::loss_of_lease(const std::string& worker, Micros taken, Micros taken_again) const {
    constexpr Micros until_dead = 250000;  // a kill is recorded, and that is synced, before it is done
    std::optional<Micros> lost;
    if (const auto found = lives_.find(worker); found != lives_.end()) {
        const Life& life = found->second;
        if (life.at_once && life.died != never && life.died + until_dead >= taken && life.died <= taken_again) {
            lost = std::max(life.died, taken);
        }
    }
    // To lose a lease, a living worker has to miss its renewals at a third of the lease's time.
    if (troubled_time(worker, taken, taken_again) >= lease_ / 2) {
        for (const auto& span : troubles(worker, taken, taken_again)) {
            lost = std::min(lost.value_or(never), std::max(span.from, taken));
        }
    }
    return lost;
}

/// When that worker took it; where it never began it, not before it was there.
Micros Timeline::taken_between(const std::string& token, const std::string& worker_id, Micros from, Micros to) const {
    const auto published = published_.find(token);
    Micros taken = std::max(from, published == published_.end() ? 0 : published->second);
    const auto runs = runs_of_.find(token);
    for (const auto i : runs == runs_of_.end() ? std::vector<std::size_t>() : runs->second) {
        const Micros at = taken_at(runs_[i]);
        if (runs_[i].worker_id == worker_id && at >= from && at < to) {
            taken = at;
        }
    }
    return taken;
}

/// A worker that never began anything is known by its process: host-pid-number. Empty: none of ours.
std::string Timeline::process_of(const std::string& worker_id) const {
    auto found = names_.find(worker_id);
    if (const auto end = worker_id.rfind('-'); found == names_.end() && end != std::string::npos && end > 0) {
        const auto before = worker_id.rfind('-', end - 1);
        const auto begin = before == std::string::npos ? 0 : before + 1;
        found = names_.find(worker_id.substr(begin, end - begin));
    }
    return found == names_.end() ? std::string() : found->second;
}

std::vector<Timeline::LostLease> Timeline::lost_leases(const std::string& token, std::int64_t epoch) const {
    std::vector<LostLease> lost;
    Micros before = 0;
    const auto found = failures_.find(token);
    for (const auto& failure : found == failures_.end() ? std::vector<StoredFailure>() : found->second) {
        if (failure.at > epoch) {
            break;
        }
        const Micros at = by_ledger(failure.at);
        if (!failure.lost_lease) {
            lost.clear();
        } else {
            const Micros taken = taken_between(token, failure.worker, before, at);
            lost.push_back({failure.worker, at, loss_of_lease(process_of(failure.worker), taken, at)});
        }
        before = at;
    }
    return lost;
}

/// From when on a worker may let what it holds run out, for an event in danger that nobody takes: it has passed over it
/// for a lease's time, and could be taken only when the lease of the one before had ended, which was renewed a third of
/// its time before the loss, at the earliest.
std::vector<Span> Timeline::times_of_draining() const {
    std::vector<Span> spans;
    for (const auto& run : runs_) {
        if (!run.in_danger) {
            continue;
        }
        const auto lost = lost_leases(run.token, run.epoch);
        if (lost.empty() || !lost.back().began) {
            continue;
        }
        if (const Micros from = *lost.back().began - lease_ / 3 + 2 * lease_; from < run.began) {
            spans.push_back({from, run.began});
        }
    }
    return merged(std::move(spans));
}

void Timeline::find_free(const Terms& terms) {
    const auto draining = times_of_draining();
    for (const auto& [worker, life] : lives_) {
        idle_[worker] = free_spans(worker, life, terms, true);
        auto free = without(free_spans(worker, life, terms, false), draining);
        free.insert(free.end(), idle_[worker].begin(), idle_[worker].end());
        free_[worker] = merged(std::move(free));
        somebody_free_.insert(somebody_free_.end(), free_[worker].begin(), free_[worker].end());
        somebody_idle_.insert(somebody_idle_.end(), idle_[worker].begin(), idle_[worker].end());
    }
    somebody_free_ = merged(std::move(somebody_free_), longest_break);
    somebody_idle_ = merged(std::move(somebody_idle_), longest_break);
}

Micros Timeline::free_from(const std::string& worker, Micros from, bool idle) const {
    const auto& all = idle ? idle_ : free_;
    if (const auto spans = all.find(worker); spans != all.end()) {
        for (const auto& span : spans->second) {
            if (span.to > from) {
                return std::max(span.from, from);
            }
        }
    }
    return never;
}

Micros Timeline::somebody_free_since(Micros from, Micros to, bool idle) const {
    for (const auto& span : idle ? somebody_idle_ : somebody_free_) {
        if (span.from < to && span.to >= to) {
            return std::max(span.from, from);
        }
    }
    return to;
}

}  // namespace eventy::ledger
