#include "ledger/record.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace eventy::ledger {

namespace {

constexpr std::array<std::string_view, 33> names = {
    "intend",       "acked",        "unknown",    "discarding", "discarded",  "retrying", "retried",
    "subscribed",   "start",        "told",       "end",        "fence",      "fenced",   "starved",
    "ending",       "resting",      "rested",     "spawned",    "killed",     "exited",   "stopped",
    "continued",    "terminated",   "cut",        "stalled",    "silenced",   "flowing",  "client-kill",
    "script-flush", "redis-killed", "redis-back", "redis-slow", "two-places",
};

bool take_number(std::string_view text, std::int64_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

Micros steady_micros() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

std::string_view name_of(What what) { return names.at(static_cast<std::size_t>(what)); }

std::optional<What> parse_what(std::string_view name) {
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? std::nullopt : std::optional(static_cast<What>(found - names.begin()));
}

std::string to_word(const Place& place) {
    std::string word = place.server;
    for (const auto* part : {&place.type, &place.group}) {
        word += part->empty() ? "" : '/' + *part;
    }
    return word.empty() ? "-" : word;
}

Place parse_place(std::string_view word) {
    Place place;
    std::array<std::string*, 3> parts = {&place.server, &place.type, &place.group};
    for (std::size_t i = 0; i < parts.size() && word != "-" && !word.empty(); ++i) {
        const auto slash = word.find('/');
        *parts.at(i) = word.substr(0, slash);
        word.remove_prefix(slash == std::string_view::npos ? word.size() : slash + 1);
    }
    return place;
}

std::string to_line(const Record& record) {
    std::string line = std::to_string(record.at) + ' ' + record.who + ' ' + std::string(name_of(record.what)) + ' ' +
                       to_word(record.where) + ' ' + (record.token.empty() ? "-" : record.token) + ' ' +
                       std::to_string(record.id) + ' ' + std::to_string(record.epoch) + ' ' +
                       std::to_string(record.attempt) + " |" + record.note + "|";
    std::replace(line.begin(), line.end(), '\n', ' ');
    return line;
}

std::optional<Record> parse_line(std::string_view line) {
    std::array<std::string_view, 8> words;
    for (auto& word : words) {
        const auto space = line.find(' ');
        if (space == std::string_view::npos) {
            return std::nullopt;
        }
        word = line.substr(0, space);
        line.remove_prefix(space + 1);
    }
    if (line.size() < 2 || line.front() != '|' || line.back() != '|') {
        return std::nullopt;
    }
    const auto what = parse_what(words[2]);
    std::int64_t attempt = 0;
    Record record{.who = std::string(words[1]), .note = std::string(line.substr(1, line.size() - 2))};
    if (!what || !take_number(words[0], record.at) || !take_number(words[5], record.id) ||
        !take_number(words[6], record.epoch) || !take_number(words[7], attempt)) {
        return std::nullopt;
    }
    record.what = *what;
    record.where = parse_place(words[3]);
    record.token = words[4] == "-" ? std::string_view() : words[4];
    record.attempt = static_cast<int>(attempt);
    return record;
}

// Not std::stable_sort: what libstdc++ 12 makes of it, clang 19 warns of.
void sort_by_time(std::vector<Record>& records) {
    std::vector<std::pair<Micros, std::size_t>> order;
    order.reserve(records.size());
    for (std::size_t i = 0; i < records.size(); ++i) {
        order.emplace_back(records[i].at, i);
    }
    std::sort(order.begin(), order.end());
    std::vector<Record> sorted;
    sorted.reserve(records.size());
    for (const auto& [at, index] : order) {
        sorted.push_back(std::move(records[index]));
    }
    records = std::move(sorted);
}

}  // namespace eventy::ledger
