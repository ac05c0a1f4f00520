#include "ledger/append_only_file.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace eventy::ledger {

namespace {

/// Takes commands off a text: arrays of strings, as in Redis's protocol, with lines of notes between them.
class Commands {
public:
    explicit Commands(std::string_view text) : text_(text) {}

    /// False at the end, or where what follows is no whole command.
    bool next(std::vector<std::string_view>& words) {
        words.clear();
        auto line = take_line();
        while (line && line->starts_with('#')) {
            line = take_line();
        }
        const auto count = line ? number_after(*line, '*') : std::nullopt;
        for (std::size_t i = 0; count && i < *count; ++i) {
            const auto header = take_line();
            const auto size = header ? number_after(*header, '$') : std::nullopt;
            if (!size || text_.size() < *size + 2) {
                return false;
            }
            words.push_back(text_.substr(0, *size));
            text_.remove_prefix(*size + 2);
        }
        return count.has_value();
    }

private:
    std::optional<std::string_view> take_line() {
        const auto end = text_.find("\r\n");
        if (end == std::string_view::npos) {
            return std::nullopt;
        }
        const auto line = text_.substr(0, end);
        text_.remove_prefix(end + 2);
        return line;
    }

    static std::optional<std::size_t> number_after(std::string_view line, char sign) {
        std::size_t number = 0;
        const auto [end, error] = std::from_chars(line.data() + 1, line.data() + line.size(), number);
        const bool whole =
            line.size() > 1 && line[0] == sign && error == std::errc() && end == line.data() + line.size();
        return whole ? std::optional(number) : std::nullopt;
    }

    std::string_view text_;
};

/// The parts of a key: prefix:kind:type, and an id or a group.
std::vector<std::string> parts_of(std::string_view key) {
    std::vector<std::string> parts;
    std::istringstream stream{std::string(key)};
    for (std::string part; std::getline(stream, part, ':');) {
        parts.push_back(part);
    }
    return parts;
}

class HistoryReader {
public:
    void read(const std::vector<std::string_view>& words) {
        if (words[0] == "MULTI") {
            removed_from_dead_.clear();
            return;
        }
        const auto parts = words.size() > 2 ? parts_of(words[1]) : std::vector<std::string>();
        const bool of_a_type = parts.size() > 2;
        if (of_a_type && words[0] == "HSET" && parts[1] == "meta") {
            read_meta(parts[2], words);
        } else if (of_a_type && words[0] == "HSET" && parts[1] == "events") {
            read_event(parts[2], words);
        } else if (words[0] == "DEL" || words[0] == "UNLINK") {
            for (std::size_t i = 1; i < words.size(); ++i) {
                read_deletion(words[i]);
            }
        } else if (parts.size() > 3 && words[0] == "ZADD" && parts[1] == "dead") {
            set_dead(parts, words, true);
        } else if (parts.size() > 3 && words[0] == "ZREM" && parts[1] == "dead") {
            const std::string events = parts[0] + ":events:" + parts[2] + ':';
            for (std::size_t i = 2; i < words.size(); ++i) {
                removed_from_dead_.emplace_back(events + std::string(words[i]), parts[3]);
            }
            set_dead(parts, words, false);
        }
    }

    Histories histories;

private:
    void read_meta(const std::string& type, const std::vector<std::string_view>& words) {
        for (std::size_t i = 2; i + 1 < words.size(); i += 2) {
            if (words[i] == "epoch") {
                epochs_[type] = std::stoll(std::string(words[i + 1]));
            }
            // These may run ahead of the clock where many come at once, never behind it.
            if (words[i] == "epoch" || words[i] == "us") {
                time_is(std::stoll(std::string(words[i + 1])));
            }
        }
    }

    void time_is(std::int64_t us) {
        for (auto* const event : just_gone_) {
            if (event->vanished) {
                event->vanished->by = std::min(event->vanished->by, us);
            }
        }
        just_gone_.clear();
    }

    /// Redis says so of each key that expired. Of one that is gone it is the end of a late settle.
    void read_deletion(std::string_view key) {
        const auto found = histories.find(key);
        if (found != histories.end() && !found->second.vanished && !found->second.fields.empty()) {
            found->second.vanished = Vanished{.last_epoch = epochs_[parts_of(key)[2]]};
            just_gone_.push_back(&found->second);
        }
    }

    /// What is gone leaves the set, and was given up all the same.
    void set_dead(const std::vector<std::string>& parts, const std::vector<std::string_view>& words, bool dead) {
        for (std::size_t i = dead ? 3 : 2; i < words.size(); i += dead ? 2 : 1) {
            const std::string key = parts[0] + ":events:" + parts[2] + ':' + std::string(words[i]);
            if (const auto found = histories.find(key); found != histories.end() && !found->second.vanished) {
                found->second.groups[parts[3]].dead = dead;
            }
        }
    }

    void read_event(const std::string& type, const std::vector<std::string_view>& words) {
        Settle settle;
        std::string group;
        bool discarded = false;
        std::map<std::string, std::string> fields;
        for (std::size_t i = 2; i + 1 < words.size(); i += 2) {
            fields[std::string(words[i])] = words[i + 1];
            if (words[i] == "status") {
                settle.status = words[i + 1];
            } else if (words[i] == "handled") {
                std::istringstream handled{std::string(words[i + 1])};  // start_us end_us group worker attempt
                std::string begin, end;
                handled >> begin >> end >> group >> settle.worker;
            }
            discarded = discarded || words[i] == "discarded";
        }
        auto& event = histories[std::string(words[1])];
        if (fields.contains("payload")) {
            event = {};  // of this id was what Redis has lost, or nothing
        }
        if (event.vanished) {
            if (!settle.worker.empty()) {
                event.vanished->late.push_back(std::move(settle));
            }
            return;
        }
        fields.merge(event.fields);
        event.fields = std::move(fields);
        event.discarded = event.discarded || discarded;
        if (!settle.worker.empty()) {
            event.groups[group].settles.push_back(std::move(settle));
        } else if (words.size() == 4 && settle.status == "PENDING") {
            retried(words[1], epochs_[type], event);
        }
    }

    /// The retry's script ends with the status, after it took the event out of `dead` where it stood there.
    void retried(std::string_view key, std::int64_t last_epoch, EventHistory& event) {
        for (const auto& [removed, its_group] : removed_from_dead_) {
            if (removed == key) {
                auto& group = event.groups[its_group];
                group.before.push_back({last_epoch, std::move(group.settles), event.discarded});
                group.settles.clear();
            }
        }
        event.discarded = false;
        ++event.retries;
    }

    std::map<std::string, std::int64_t> epochs_;                          // the last one of each type
    std::vector<EventHistory*> just_gone_;                                // since the last time that was written down
    std::vector<std::pair<std::string, std::string>> removed_from_dead_;  // event and group, in this transaction
};

}  // namespace

Histories parse_histories(std::string_view text) {
    HistoryReader reader;
    Commands commands(text);
    std::vector<std::string_view> words;
    while (commands.next(words)) {
        reader.read(words);
    }
    return std::move(reader.histories);
}

Histories read_histories(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream text;
    if (!stream || !(text << stream.rdbuf())) {
        throw std::runtime_error("cannot read " + file);
    }
    return parse_histories(text.view());
}

}  // namespace eventy::ledger
