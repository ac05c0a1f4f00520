#include "ledger/audit_retries.hpp"

#include <algorithm>

#include "ledger/timeline.hpp"

namespace eventy::ledger {

RetriesByHand::RetriesByHand(const std::vector<Record>& records) {
    std::map<std::string, std::size_t> open;  // by process and token
    for (const auto& record : records) {
        const std::string key = record.who + ' ' + record.token;
        if (record.what == What::retrying) {
            auto& calls = calls_[record.token];
            open[key] = calls.size();
            calls.push_back({.asked = record.at});
        } else if (record.what == What::retried && open.contains(key)) {
            auto& call = calls_[record.token][open[key]];
            call.note = record.note;
            if (!record.note.starts_with("no-answer")) {
                call.answered = record.at;
            }
        }
    }
}

bool RetriesByHand::asked(const std::string& token, Micros from, Micros to) const {
    const auto calls = calls_.find(token);
    return calls != calls_.end() && std::any_of(calls->second.begin(), calls->second.end(), [&](const Call& call) {
               return call.asked >= from && call.asked <= to + Timeline::about &&
                      (!call.answered || call.note == "taken up");
           });
}

std::optional<Micros> RetriesByHand::confirmed(const std::string& token, Micros asked_before) const {
    std::optional<Micros> last;
    if (const auto calls = calls_.find(token); calls != calls_.end()) {
        for (const auto& call : calls->second) {
            if (call.asked <= asked_before + Timeline::about && call.note != "not dead") {
                last = call.answered;
            }
        }
    }
    return last;
}

void RetriesByHand::check(const StoredState& stored, Verdict& verdict) const {
    const auto find = [&](Must must, const std::string& token, std::string words) {
        verdict.findings.push_back({.must = must, .token = token, .words = std::move(words)});
    };
    for (const auto& [id, event] : stored.events) {
        const auto found = calls_.find(event.token);
        const auto calls = found == calls_.end() ? std::vector<Call>() : found->second;
        const auto with = [&](const std::string& note) {
            return std::count_if(calls.begin(), calls.end(), [&](const Call& call) { return call.note == note; });
        };
        const auto possible = static_cast<std::int64_t>(calls.size()) - with("not dead") - with("gone");
        verdict.retried += event.retries;
        if (event.retries < with("taken up") || with("gone") > 0) {
            find(Must::nothing_lost, event.token,
                 "event " + std::to_string(id) + " was retried by hand: confirmed " + std::to_string(with("taken up")) +
                     " times, said to be gone " + std::to_string(with("gone")) + " times, and Redis knows of " +
                     std::to_string(event.retries));
        } else if (event.retries > possible) {
            find(Must::no_duplicate, event.token,
                 "event " + std::to_string(id) + " was taken up again " + std::to_string(event.retries) +
                     " times, though " + std::to_string(possible) + " retries may have done so");
        }
    }
}

}  // namespace eventy::ledger
