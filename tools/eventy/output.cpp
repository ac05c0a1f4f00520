#include "output.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <eventy/config.hpp>
#include <nlohmann/json.hpp>

#include "command.hpp"

namespace eventy::cli {

namespace {

std::atomic<bool> progress_shown{false};

bool is_utf8(std::string_view text) {
    // dump() throws for what is not UTF-8.
    try {
        static_cast<void>(nlohmann::json(text).dump());
        return true;
    } catch (const nlohmann::json::exception&) {
        return false;
    }
}

std::string base64(std::string_view bytes) {
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto byte = [&](std::size_t k) {
            return k < bytes.size() ? static_cast<unsigned>(static_cast<unsigned char>(bytes[k])) : 0U;
        };
        const unsigned three = byte(i) << 16U | byte(i + 1) << 8U | byte(i + 2);
        out += letters[three >> 18U];
        out += letters[three >> 12U & 63U];
        out += i + 1 < bytes.size() ? letters[three >> 6U & 63U] : '=';
        out += i + 2 < bytes.size() ? letters[three & 63U] : '=';
    }
    return out;
}

void add_payload(JsonObject& object, const std::string& payload) {
    if (nlohmann::json::accept(payload)) {
        // Outside of strings, where they cannot stand, line breaks are white space.
        std::string line = payload;
        for (char& c : line) {
            c = c == '\n' || c == '\r' ? ' ' : c;
        }
        object.raw("payload", line);
    } else if (is_utf8(payload)) {
        object.text("payload_text", payload);
    } else {
        object.text("payload_base64", base64(payload));
    }
}

std::string failures_as_json(const std::vector<FailedAttempt>& failures) {
    std::string array;
    for (const auto& failure : failures) {
        JsonObject object;
        object.number("attempt", failure.attempt).text("at", to_string(failure.at)).text("group", failure.group);
        object.text("worker_id", failure.worker_id).text("error", failure.error);
        array += (array.empty() ? "" : ", ") + object.str();
    }
    return "[" + array + "]";
}

std::size_t width(std::string_view text) {
    std::size_t columns = 0;
    bool escape = false;
    for (const char c : text) {
        if (escape) {
            escape = c != 'm';
        } else if (c == '\033') {
            escape = true;
        } else if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) {
            ++columns;
        }
    }
    return columns;
}

}  // namespace

void print(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
        throw Failure(std::string("cannot write to stdout: ") + std::strerror(errno));
    }
}

void flush_output() {
    if (std::fflush(stdout) != 0) {
        throw Failure(std::string("cannot write to stdout: ") + std::strerror(errno));
    }
}

void complain(std::string_view text) {
    std::string line = progress_shown.exchange(false) ? "\r\033[K" : "";
    line.append("eventy: ").append(text).push_back('\n');
    std::fwrite(line.data(), 1, line.size(), stderr);
}

bool is_terminal(std::FILE* file) { return isatty(fileno(file)) == 1; }

bool wants_colours(std::FILE* file) {
    const char* const no_color = std::getenv("NO_COLOR");
    const char* const terminal = std::getenv("TERM");
    return is_terminal(file) && (no_color == nullptr || *no_color == '\0') &&
           (terminal == nullptr || std::string_view(terminal) != "dumb");
}

std::string json_string(std::string_view text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

JsonObject& JsonObject::raw(std::string_view name, std::string_view json) {
    members_ += members_.empty() ? "" : ", ";
    members_.append(json_string(name)).append(": ").append(json);
    return *this;
}

std::string event_as_json(std::string_view type, const QueueEvent<std::string>& event) {
    JsonObject object;
    object.number("id", event.id).text("type", type).text("status", to_string(event.status));
    object.text("created_at", to_string(event.created_at)).text("worker_id", event.worker_id);
    object.number("attempt", event.attempt);
    if (!event.key.empty()) {
        object.text("key", event.key);
    }
    if (!event.headers.empty()) {
        JsonObject headers;
        for (const auto& [name, value] : event.headers) {
            headers.text(name, value);
        }
        object.raw("headers", headers.str());
    }
    if (!event.last_error.empty()) {
        object.text("last_error", event.last_error);
    }
    if (!event.processed_by.empty()) {
        object.text("processed_by", event.processed_by);
    }
    if (event.started_at) {
        object.text("started_at", to_string(*event.started_at));
    }
    if (event.finished_at) {
        object.text("finished_at", to_string(*event.finished_at));
    }
    if (!event.failures.empty()) {
        object.raw("failures", failures_as_json(event.failures));
    }
    add_payload(object, event.payload);
    return object.str();
}

std::string unreadable_as_json(std::string_view type, const Unreadable& event) {
    JsonObject object;
    object.number("id", event.id).text("type", type).text("status", to_string(event.status));
    return object.text("unreadable", event.reason).str();
}

std::string printable(std::string_view text, std::size_t longest) {
    std::string out;
    std::size_t shown = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool begins_character = (byte & 0xC0U) != 0x80U;
        if (begins_character && shown++ == longest) {
            return out + "…";
        }
        if (byte < 0x20 || byte == 0x7F) {
            std::array<char, 8> escaped{};
            std::snprintf(escaped.data(), escaped.size(), "\\x%02x", static_cast<unsigned>(byte));
            out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : escaped.data();
        } else {
            out += c;
        }
    }
    // The C1 control characters too, which UTF-8 spells C2 80 to C2 9F; some terminals obey them.
    for (std::size_t i = 0; (i = out.find('\xC2', i)) != std::string::npos; ++i) {
        if (i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xA0) {
            out.replace(i, 2, "?");
        }
    }
    return out;
}

std::string coloured(EventStatus status) {
    std::string word(to_string(status));
    if (!wants_colours(stdout)) {
        return word;
    }
    constexpr std::array<const char*, 4> colours = {"\033[33m", "\033[36m", "\033[32m", "\033[31m"};
    return colours.at(static_cast<std::size_t>(status)) + word + "\033[0m";
}

std::string grouped(std::int64_t number) {
    std::string digits = std::to_string(number);
    const std::size_t begin = number < 0 ? 1 : 0;
    for (std::size_t at = digits.size(); at > begin + 3;) {
        at -= 3;
        digits.insert(at, ",");
    }
    return digits;
}

std::string Table::str() const {
    std::vector<std::size_t> widths;
    widths.reserve(columns_.size());
    for (const auto& column : columns_) {
        widths.push_back(width(column.name));
    }
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], width(row[i]));
        }
    }
    std::string out;
    const auto add_row = [&](const auto& cell_of) {
        std::string line;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const std::string& cell = cell_of(i);
            const std::string space(widths[i] - width(cell), ' ');
            line += (i == 0 ? "" : "  ") + (columns_[i].right ? space + cell : cell + space);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
    };
    add_row([&](std::size_t i) -> const std::string& { return columns_[i].name; });
    for (const auto& row : rows_) {
        add_row([&](std::size_t i) -> const std::string& { return row[i]; });
    }
    return out;
}

Progress::Progress() : on_(is_terminal(stderr)) {}

Progress::~Progress() { clear(); }

void Progress::show(std::int64_t done, std::int64_t total, std::string_view words) {
    const auto time = std::chrono::steady_clock::now();
    if (!on_ || time < next_) {
        return;
    }
    next_ = time + std::chrono::milliseconds(100);
    std::string line = "\r\033[K";
    if (total > 0) {
        constexpr std::int64_t cells = 24;
        const auto full = std::min(cells, done * cells / total);
        line += "[" + std::string(static_cast<std::size_t>(full), '#') +
                std::string(static_cast<std::size_t>(cells - full), '.') + "] " +
                std::to_string(std::min<std::int64_t>(100, done * 100 / total)) + "%  ";
    }
    line += words;
    progress_shown = true;
    std::fwrite(line.data(), 1, line.size(), stderr);
    std::fflush(stderr);
}

void Progress::clear() {
    if (on_ && progress_shown.exchange(false)) {
        std::fputs("\r\033[K", stderr);
        std::fflush(stderr);
    }
}

}  // namespace eventy::cli
