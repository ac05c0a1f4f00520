#include "ledger/report.hpp"

#include <algorithm>
#include <cstdio>
#include <set>

#include "ledger/timeline.hpp"

namespace eventy::ledger {

namespace {

constexpr std::array<std::string_view, musts> names_of_musts = {
    "an event was lost",
    "an event stands in the queue twice",
    "a stale settle was accepted",
    "an event was handled again without a reason",
    "an event is in no state, or in two",
    "a dead worker's event began again too late",
    "a worker returned too late",
    "a published event waited too long",
    "the queue does not count what expired as it was",
};

std::string row(const std::string& what, const std::string& value, const std::string& must, bool ok) {
    char text[200];
    std::snprintf(text, sizeof text, "%-58s %12s   %-22s %s\n", what.c_str(), value.c_str(), must.c_str(),
                  must.empty() ? ""
                  : ok         ? "ok"
                               : "BROKEN");
    return text;
}

std::string in_seconds(Micros time) {
    char text[40];
    std::snprintf(text, sizeof text, "%.3f s", static_cast<double>(time) / second);
    return text;
}

/// Whether a record about that process, or about all, belongs to a story.
bool is_about(const Record& record, const std::set<std::string>& involved) {
    return record.who == "redis" || involved.contains(record.who);
}

bool is_fault(What what) { return what >= What::spawned || what == What::starved || what == What::subscribed; }

std::string make_group_table(const Verdict& verdict) {
    char text[200];
    std::snprintf(text, sizeof text, "%-30s %10s %9s %6s %14s %14s %12s\n", "of each group", "processed", "given up",
                  "lost", "handled again", "after a death", "first start");
    std::string table = text;
    for (const auto& group : verdict.groups) {
        const auto longest = [](const Longest& times) { return times.count == 0 ? "none" : in_seconds(times.time); };
        std::snprintf(text, sizeof text, "%-30s %10lld %9lld %6lld %14lld %14s %12s\n", to_word(group.place).c_str(),
                      static_cast<long long>(group.processed), static_cast<long long>(group.given_up),
                      static_cast<long long>(verdict.broken(Must::nothing_lost, group.place)),
                      static_cast<long long>(group.handled_again), longest(group.after_death).c_str(),
                      longest(group.first_start).c_str());
        table += text;
    }
    return table;
}

}  // namespace

std::string make_table(const Verdict& verdict, const Terms& terms) {
    std::string table;
    const auto count = [&](const std::string& what, std::int64_t value) {
        table += row(what, std::to_string(value), "", true);
    };
    const auto zero = [&](const std::string& what, Must must) {
        const auto value = verdict.broken(must);
        table += row(what, std::to_string(value), "must be 0", value == 0);
    };
    const auto slack = terms.slack.count() > 0 ? " + " + std::to_string(terms.slack.count()) + " ms" : "";
    std::string faults;
    for (const auto& [name, number] : verdict.faults) {
        faults += (faults.empty() ? "" : ", ") + name + " " + std::to_string(number);
    }
    table += "faults: " + (faults.empty() ? "none" : faults) + "\n\n";
    count("events acknowledged to publishers", verdict.acked);
    count("calls with an unknown outcome (timeout)", verdict.unknown);
    count("  of them in the queue", verdict.unknown_there);
    count("in the queue, of publishers killed before they knew it", verdict.never_told);
    count("events in Redis", verdict.stored);
    count("processed", verdict.processed);
    count("given up as ERROR (failed attempts, lost leases)", verdict.given_up);
    count("  of them discarded by hand", verdict.discarded);
    count("events retried by hand", verdict.retried);
    count("gone when their time was over, and processed before", verdict.gone_processed);
    count("  given up before", verdict.gone_given_up);
    count("  expired before either", verdict.expired);
    count("  processed by who held them when they were gone", verdict.ended_late);
    table += row("counted as expired by the queues", std::to_string(verdict.counted_expired), "must be the same",
                 verdict.broken(Must::expiry_counted) == 0);
    zero("lost", Must::nothing_lost);
    if (terms.may_lose.count() > 0) {
        const auto may = "at most " + in_seconds(std::chrono::microseconds(terms.may_lose).count());
        count("confirmed, and gone with a killed Redis", verdict.lost_with_redis);
        if (verdict.lost_with_redis > 0) {
            table += row("  the oldest of them, before the kill", in_seconds(verdict.lost_oldest), may, true);
        }
    }
    zero("duplicates in the queue from resends", Must::no_duplicate);
    zero("accepted stale settles", Must::no_stale_settle);
    count("  stale calls that were refused", verdict.refused_stale);
    count("handled more than once", verdict.handled_again);
    for (const auto& [reason, number] : verdict.reasons) {
        count("  " + reason, number);
    }
    zero("  without a reason", Must::all_explained);
    zero("events in no state or two", Must::one_state);
    const auto longest = [&](const std::string& what, const Longest& times, const std::string& bound, Must must) {
        table += row(what, times.count == 0 ? "none" : in_seconds(times.time), "at most " + bound + slack,
                     verdict.broken(must) == 0);
        if (times.count > 0) {
            table += row("  without excuses", in_seconds(times.raw), "", true);
        }
        count("  measured; of them without an excuse: " + std::to_string(times.at_once), times.count);
    };
    const auto lease_and_one = in_seconds(std::chrono::microseconds(terms.lease).count() + second);
    longest("longest from a death, or first free worker, to next start", verdict.after_death, lease_and_one,
            Must::death_in_time);
    longest("longest from Redis's return to each worker's first event", verdict.after_return, "1.000 s",
            Must::return_in_time);
    longest("longest from a publish, or turn and free worker, to start", verdict.first_start, lease_and_one,
            Must::start_in_time);
    if (verdict.groups.size() > 1) {
        table += "\n" + make_group_table(verdict);
    }
    return table;
}

std::string tell_story(const Finding& finding, const Evidence& evidence, std::size_t most) {
    std::set<std::string> involved;
    if (!finding.who.empty()) {
        involved.insert(finding.who);
    }
    Micros from = finding.from == 0 ? Timeline::never : finding.from, to = finding.to;
    for (const auto& record : evidence.records) {
        if (!finding.token.empty() && record.token == finding.token && concerns(record, finding.where)) {
            involved.insert(record.who);
            from = std::min(from, record.at);
            to = std::max(to, record.at);
        }
    }
    std::string story;
    std::size_t lines = 0, left_out = 0;
    for (const auto& record : evidence.records) {
        const bool own = !finding.token.empty() && record.token == finding.token && concerns(record, finding.where);
        const bool fault = is_fault(record.what) && concerns(record, finding.where) && is_about(record, involved) &&
                           record.at >= from - 2 * second && record.at <= to + second;
        const bool neighbour = finding.token.empty() && record.what == What::start && record.who == finding.who &&
                               concerns(record, finding.where) && record.at >= from && record.at <= to;
        if (!own && !fault && !neighbour) {
            continue;
        }
        if (++lines > most) {
            ++left_out;
            continue;
        }
        char time[40];
        std::snprintf(time, sizeof time, "%10.3f s  ",
                      static_cast<double>(record.at - evidence.records.front().at) / second);
        story += time + record.who + ' ' + std::string(name_of(record.what));
        story += record.where == Place() ? "" : " " + to_word(record.where);
        story += record.token.empty() ? "" : " " + record.token;
        story += record.id == 0 ? "" : " id " + std::to_string(record.id);
        story += record.epoch == 0 ? "" : " epoch " + std::to_string(record.epoch);
        story += record.attempt == 0 ? "" : " attempt " + std::to_string(record.attempt);
        story += record.note.empty() ? "\n" : " (" + record.note + ")\n";
    }
    return story + (left_out == 0 ? "" : "              and " + std::to_string(left_out) + " more\n");
}

std::string tell_findings(const Verdict& verdict, const Evidence& evidence) {
    std::string text;
    for (std::size_t must = 0; must < musts; ++must) {
        const Finding* shortest = nullptr;
        std::string story;
        int looked = 0;
        for (const auto& finding : verdict.findings) {
            if (static_cast<std::size_t>(finding.must) != must || ++looked > 20) {
                continue;
            }
            auto its_story = tell_story(finding, evidence);
            if (shortest == nullptr || its_story.size() < story.size()) {
                shortest = &finding;
                story = std::move(its_story);
            }
        }
        if (shortest != nullptr) {
            text += "\nBROKEN: " + std::string(names_of_musts.at(must)) + " (" +
                    std::to_string(verdict.broken(static_cast<Must>(must))) + ", the shortest story of them):\n" +
                    shortest->words + "\n" + story;
        }
    }
    return text;
}

}  // namespace eventy::ledger
