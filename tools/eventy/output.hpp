// What the command prints: JSON, tables, progress.
#pragma once
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <eventy/records.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace eventy::cli {

/// Writes to stdout; throws Failure when that fails.
void print(std::string_view);
/// The same for what may still be in a buffer; call it at the end.
void flush_output();
/// One line "eventy: ..." to stderr; a progress line is cleared first.
void complain(std::string_view);

bool is_terminal(std::FILE*);
/// On a terminal, unless NO_COLOR is set or TERM is "dumb".
bool wants_colours(std::FILE*);

/// With quotes; what is not UTF-8 becomes U+FFFD.
std::string json_string(std::string_view);
/// Objects from the members' names and ready JSON values.
class JsonObject {
public:
    JsonObject& raw(std::string_view name, std::string_view json);
    JsonObject& text(std::string_view name, std::string_view value) { return raw(name, json_string(value)); }
    JsonObject& number(std::string_view name, std::int64_t value) { return raw(name, std::to_string(value)); }
    std::string str() const { return "{" + members_ + "}"; }

private:
    std::string members_;
};

/// One line, without its newline. The payload stands in it as it is if it is JSON (`payload`), else as text
/// (`payload_text`) or, where it is not UTF-8, in base 64 (`payload_base64`).
std::string event_as_json(std::string_view type, const QueueEvent<std::string>&);
std::string unreadable_as_json(std::string_view type, const Unreadable&);

/// For people: control characters escaped (a payload must not drive the terminal), cut to `longest` characters.
std::string printable(std::string_view, std::size_t longest = 1000);
/// In its colour where stdout is a terminal.
std::string coloured(EventStatus);
/// `1,234,567`
std::string grouped(std::int64_t);

/// Columns as wide as their longest cell, two spaces between them.
class Table {
public:
    struct Column {
        std::string name;
        bool right = false;
    };
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    std::string str() const;

private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

/// One line on stderr that renews itself, where stderr is a terminal; elsewhere nothing. One at a time; one thread.
class Progress {
public:
    Progress();
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    /// `done` of `total` (0: unknown) decide the bar; `words` stand behind it. Cheap to call often.
    void show(std::int64_t done, std::int64_t total, std::string_view words);
    void clear();

private:
    bool on_;
    std::chrono::steady_clock::time_point next_{};
};

}  // namespace eventy::cli
