// eventy count TYPE: how many events match.
#include "command.hpp"
#include "output.hpp"

namespace eventy::cli {

namespace {

struct Count {
    Common common = {};
    std::string type = {};
    EventFilter filter = {};
};

int run(const Count& options) {
    const std::int64_t count = open_queue(options.common, options.type).count_events(options.filter);
    print(options.common.json ? JsonObject().text("type", options.type).number("count", count).str() + "\n"
                              : std::to_string(count) + "\n");
    return exit_ok;
}

}  // namespace

void add_count(CommandLine& line) {
    auto options = std::make_shared<Count>();
    CLI::App* const sub = line.add("count", "Count events by status and time; prints the number alone", options->common,
                                   "eventy count Earthquake\n"
                                   "eventy count Earthquake --status processed --since -15m");
    sub->add_option("TYPE", options->type, "the event type")->required();
    add_status(sub, "--status", options->filter.status, "only these: pending, processing, processed or error");
    add_time(sub, "--since", options->filter.created_at_min, "created then or later: ISO 8601, or -15m");
    add_time(sub, "--until", options->filter.created_at_max, "created then or earlier");
    sub->callback([&line, options] { line.run = [options] { return run(*options); }; });
}

}  // namespace eventy::cli
