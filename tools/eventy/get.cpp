// eventy get TYPE ID...: single events, whole.
#include <algorithm>

#include "command.hpp"
#include "output.hpp"
#include "time_words.hpp"

namespace eventy::cli {

namespace {

struct Get {
    Common common = {};
    std::string type = {};
    std::vector<EventId> ids = {};
};

std::string for_people(const QueueEvent<std::string>& event) {
    const auto line = [](const char* name, const std::string& value) {
        return value.empty() ? std::string() : std::string(name) + value + "\n";
    };
    std::string text = line("id:           ", std::to_string(event.id));
    text += line("status:       ", coloured(event.status));
    text += line("created at:   ", to_string(event.created_at));
    text += line("published by: ", printable(event.worker_id));
    text += line("attempts:     ", std::to_string(event.attempt));
    text += line("key:          ", printable(event.key));
    for (const auto& [name, value] : event.headers) {
        text += line("header:       ", printable(name) + " = " + printable(value));
    }
    text += line("last error:   ", printable(event.last_error, 4096));
    for (const auto& failure : event.failures) {
        text += line("failed:       ", "attempt " + std::to_string(failure.attempt) + ", " + to_string(failure.at) +
                                           ", " + printable(failure.group) + " on " + printable(failure.worker_id) +
                                           ": " + printable(failure.error, 500));
    }
    text += line("processed by: ", printable(event.processed_by));
    if (event.started_at && event.finished_at) {
        const auto took = std::chrono::floor<milliseconds>(*event.finished_at - *event.started_at);
        text += line("processed at: ", to_string(*event.started_at) + ", in " + to_words(took));
    }
    return text + "payload:      " + printable(event.payload, 1'000'000) + "\n";
}

int run(const Get& options) {
    const auto queue = open_queue(options.common, options.type);
    const auto events = queue.get_events(options.ids);
    int code = exit_ok;
    for (std::size_t i = 0; i < options.ids.size(); ++i) {
        auto event = events[i];
        if (!event) {
            try {
                event = queue.get_event(options.ids[i]);  // to know why
            } catch (const Error& error) {
                complain(error.what());
                code = exit_failure;
                continue;
            }
        }
        if (options.common.json) {
            print(event_as_json(options.type, *event) + "\n");
        } else {
            print((i == 0 ? "" : "\n") + for_people(*event));
        }
    }
    return code;
}

}  // namespace

void add_get(CommandLine& line) {
    auto options = std::make_shared<Get>();
    CLI::App* const sub = line.add("get", "Show single events", options->common,
                                   "eventy get Earthquake 1\n"
                                   "eventy get Earthquake 1 2 3 --json");
    sub->add_option("TYPE", options->type, "the event type")->required();
    sub->add_option("ID", options->ids, "ids of events")->required()->check(positive());
    sub->callback([&line, options] { line.run = [options] { return run(*options); }; });
}

}  // namespace eventy::cli
