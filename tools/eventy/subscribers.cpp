// eventy subscribers TYPE: who is listening, in all processes.
#include "command.hpp"
#include "output.hpp"
#include "time_words.hpp"

namespace eventy::cli {

namespace {

struct Subscribers {
    Common common = {};
    std::string type = {};
};

std::string as_json(const SubscriberInfo& info) {
    JsonObject object;
    object.text("id", info.id).text("type", info.event_type).text("group", info.group);
    object.text("worker_id", info.worker_id).text("host", info.host).number("pid", info.pid);
    return object.text("created_at", to_string(info.created_at)).str();
}

int run(const Subscribers& options) {
    const auto queue = open_queue(options.common, options.type);
    Table table({{"ID"}, {"GROUP"}, {"HOST"}, {"PID", true}, {"FOR", true}, {"WORKER"}});
    bool any = false;
    std::optional<std::string> page_id;
    do {
        const auto page = queue.search_subscribers({.page_id = page_id, .limit = 1000});
        for (const auto& info : page) {
            any = true;
            if (options.common.json) {
                print(as_json(info) + "\n");
                continue;
            }
            const auto age = std::max(milliseconds(0), std::chrono::floor<milliseconds>(now() - info.created_at));
            table.add({printable(info.id), printable(info.group), printable(info.host), std::to_string(info.pid),
                       to_words(age), printable(info.worker_id)});
        }
        page_id = page.next_page_id;
    } while (page_id);
    if (!options.common.json && any) {
        print(table.str());
    } else if (!options.common.json) {
        complain("no live subscriber of " + options.type);
    }
    return exit_ok;
}

}  // namespace

void add_subscribers(CommandLine& line) {
    auto options = std::make_shared<Subscribers>();
    CLI::App* const sub = line.add("subscribers", "List the live subscribers of all processes", options->common,
                                   "eventy subscribers Earthquake\n"
                                   "eventy subscribers Earthquake --json");
    sub->add_option("TYPE", options->type, "the event type")->required();
    sub->callback([&line, options] { line.run = [options] { return run(*options); }; });
}

}  // namespace eventy::cli
