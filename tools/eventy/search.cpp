// eventy search TYPE: events by status and time, newest first.
#include <algorithm>

#include "command.hpp"
#include "output.hpp"
#include "time_words.hpp"

namespace eventy::cli {

namespace {

struct Search {
    Common common = {};
    std::string type = {};
    EventFilter filter = {};
    std::int64_t limit = 100;
};

/// Prints each page as it comes: both kinds of its events in one order, the newest first. Ids rise with times.
class Printer {
public:
    explicit Printer(const Search& options) : options_(options) {}

    void page(const Page<QueueEvent<std::string>>& page) {
        Table table({{first_ ? "ID" : "", true}, {"STATUS"}, {"CREATED AT"}, {"ATTEMPT", true}, {"PAYLOAD"}});
        auto unreadable = page.unreadable.begin();
        const auto add_unreadable_above = [&](EventId id) {
            for (; unreadable != page.unreadable.end() && unreadable->id > id; ++unreadable) {
                add(table, *unreadable);
            }
        };
        for (const auto& event : page) {
            add_unreadable_above(event.id);
            add(table, event);
        }
        add_unreadable_above(0);
        if (!options_.common.json) {
            const std::string text = table.str();
            print(first_ ? text : text.substr(text.find('\n') + 1));
            first_ = false;
        }
    }

private:
    void add(Table& table, const QueueEvent<std::string>& event) {
        if (options_.common.json) {
            print(event_as_json(options_.type, event) + "\n");
            return;
        }
        // Of one that waits for its next attempt, too.
        const std::string error = event.status == EventStatus::processed || event.last_error.empty()
                                      ? ""
                                      : "  <- " + printable(event.last_error, 80);
        table.add({std::to_string(event.id), coloured(event.status), to_string(event.created_at),
                   std::to_string(event.attempt), printable(event.payload, 80) + error});
    }
    void add(Table& table, const Unreadable& event) {
        if (options_.common.json) {
            print(unreadable_as_json(options_.type, event) + "\n");
            return;
        }
        table.add({std::to_string(event.id), coloured(event.status), "", "",
                   "(unreadable: " + printable(event.reason, 80) + ")"});
    }

    const Search& options_;
    bool first_ = true;
};

int run(const Search& options) {
    const auto queue = open_queue(options.common, options.type);
    Printer printer(options);
    std::int64_t left = options.limit;
    std::optional<std::string> page_id;
    do {
        const auto page =
            queue.search_events(options.filter, {.page_id = page_id, .limit = std::min<std::int64_t>(left, 1000)});
        const auto count = static_cast<std::int64_t>(page.items.size() + page.unreadable.size());
        if (count > 0) {
            printer.page(page);
        }
        left -= count;
        page_id = page.next_page_id;
    } while (page_id && left > 0);
    if (left == options.limit && !options.common.json) {
        complain("no such event of " + options.type);
    }
    return exit_ok;
}

}  // namespace

void add_search(CommandLine& line) {
    auto options = std::make_shared<Search>();
    CLI::App* const sub = line.add("search", "List events by status and time, newest first", options->common,
                                   "eventy search Earthquake --status error --since -1h\n"
                                   "eventy search Earthquake --limit 3 --json");
    sub->add_option("TYPE", options->type, "the event type")->required();
    add_status(sub, "--status", options->filter.status, "only these: pending, processing, processed or error");
    add_time(sub, "--since", options->filter.created_at_min, "created then or later: ISO 8601, or -15m");
    add_time(sub, "--until", options->filter.created_at_max, "created then or earlier");
    sub->add_option("--limit", options->limit, "at most so many")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000}))
        ->capture_default_str();
    sub->callback([&line, options] { line.run = [options] { return run(*options); }; });
}

}  // namespace eventy::cli
