// eventy stats [TYPE]: how queues are doing.
#include "command.hpp"
#include "output.hpp"
#include "time_words.hpp"

namespace eventy::cli {

namespace {

struct Stats {
    Common common = {};
    std::string type = {};
};

std::int64_t number_in(const QueueStats& stats, EventStatus status) {
    const auto entry = stats.by_status.find(status);
    return entry == stats.by_status.end() ? 0 : entry->second;
}

std::string as_json(const std::string& type, const QueueStats& stats) {
    JsonObject statuses;
    for (const auto& [status, number] : stats.by_status) {
        statuses.number(to_string(status), number);
    }
    JsonObject groups;
    for (const auto& [name, group] : stats.groups) {
        JsonObject members;
        members.number("lag", group.lag);
        members.raw("oldest_pending_ms", group.oldest_pending ? std::to_string(group.oldest_pending->count()) : "null");
        groups.raw(name, members.str());
    }
    JsonObject object;
    object.text("type", type).number("last_id", stats.last_id).raw("by_status", statuses.str());
    object.raw("groups", groups.str()).number("expired", stats.expired).number("subscribers", stats.subscribers);
    return object.str();
}

std::vector<std::string> types_to_show(const Stats& options) {
    if (!options.type.empty()) {
        return {options.type};
    }
    const QueueManager manager = open_manager(options.common);
    return manager.get_queue_types();
}

int run(const Stats& options) {
    const auto types = types_to_show(options);
    Table queues({{"TYPE"},
                  {"LAST ID", true},
                  {"PENDING", true},
                  {"PROCESSING", true},
                  {"PROCESSED", true},
                  {"ERROR", true},
                  {"EXPIRED", true},
                  {"SUBSCRIBERS", true}});
    Table groups({{"TYPE"}, {"GROUP"}, {"LAG", true}, {"OLDEST PENDING", true}});
    bool any_group = false;
    for (const auto& type : types) {
        const QueueStats stats = open_queue(options.common, type).stats();
        if (options.common.json) {
            print(as_json(type, stats) + "\n");
            continue;
        }
        queues.add({printable(type), grouped(stats.last_id), grouped(number_in(stats, EventStatus::pending)),
                    grouped(number_in(stats, EventStatus::processing)),
                    grouped(number_in(stats, EventStatus::processed)), grouped(number_in(stats, EventStatus::error)),
                    grouped(stats.expired), grouped(stats.subscribers)});
        for (const auto& [name, group] : stats.groups) {
            any_group = true;
            groups.add({printable(type), printable(name), grouped(group.lag),
                        group.oldest_pending ? to_words(*group.oldest_pending) : "-"});
        }
    }
    if (options.common.json) {
        return exit_ok;
    }
    if (types.empty()) {
        complain("no event type is registered under the prefix " + options.common.prefix);
        return exit_ok;
    }
    print(queues.str());
    if (any_group) {
        print("\n" + groups.str());
    }
    return exit_ok;
}

}  // namespace

void add_stats(CommandLine& line) {
    auto options = std::make_shared<Stats>();
    CLI::App* const sub =
        line.add("stats", "Show counts by status, lag per group, expired events, live subscribers", options->common,
                 "eventy stats\n"
                 "eventy stats Earthquake --json");
    sub->add_option("TYPE", options->type, "the event type; all registered ones when left out");
    sub->callback([&line, options] { line.run = [options] { return run(*options); }; });
}

}  // namespace eventy::cli
