#include "ledger/append_only_file.hpp"

#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>

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

}  // namespace

Settles parse_settles(std::string_view text) {
    Settles settles;
    Commands commands(text);
    std::vector<std::string_view> words;
    while (commands.next(words)) {
        if (words.size() < 4 || words[0] != "HSET") {
            continue;
        }
        Settle settle;
        std::string group;
        for (std::size_t i = 2; i + 1 < words.size(); i += 2) {
            if (words[i] == "status") {
                settle.status = words[i + 1];
            } else if (words[i] == "handled") {
                std::istringstream handled{std::string(words[i + 1])};  // start_us end_us group worker attempt
                std::string begin, end;
                handled >> begin >> end >> group >> settle.worker;
            }
        }
        if (!settle.worker.empty()) {
            settles[std::string(words[1])][group].push_back(std::move(settle));
        }
    }
    return settles;
}

Settles read_settles(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream text;
    if (!stream || !(text << stream.rdbuf())) {
        throw std::runtime_error("cannot read " + file);
    }
    return parse_settles(text.view());
}

}  // namespace eventy::ledger
