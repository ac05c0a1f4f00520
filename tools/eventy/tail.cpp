// eventy tail TYPE: what happens, as it happens.
#include <atomic>
#include <mutex>

#include "command.hpp"
#include "output.hpp"
#include "signals.hpp"

namespace eventy::cli {

namespace {

struct Tail {
    Common common = {};
    std::string type = {};
    std::int64_t count = 0;
    bool payload = false;
};

std::string line_of(const Tail& options, const EventQueue<std::string>& queue, const EventNotice& notice) {
    std::optional<QueueEvent<std::string>> event;
    if (options.payload) {
        event = queue.get_events({notice.event_id}).front();
    }
    if (options.common.json) {
        JsonObject object;
        object.number("event_id", notice.event_id).text("status", to_string(notice.status));
        object.text("worker_id", notice.worker_id).text("at", to_string(now()));
        if (event) {
            object.raw("event", event_as_json(options.type, *event));
        }
        return object.str() + "\n";
    }
    std::string status = coloured(notice.status);
    status.append(notice.status == EventStatus::processed ? 1 : notice.status == EventStatus::error ? 5 : 3, ' ');
    return to_string(now()) + "  " + std::to_string(notice.event_id) + "  " + status + "  " +
           printable(notice.worker_id) + (event ? "  " + printable(event->payload, 200) : "") + "\n";
}

/// In the place of what may be missing; as an event of its own where programs read.
void say_gap(const Tail& options) {
    if (options.common.json) {
        print(JsonObject().raw("gap", "true").text("at", to_string(now())).str() + "\n");
        flush_output();
    } else {
        flush_output();
        complain("the connection was lost and is back: what happened meanwhile is not shown");
    }
}

int run(const Tail& options) {
    Signals signals;
    Bell bell;
    const auto queue = open_queue(options.common, options.type);
    std::atomic<std::int64_t> seen{0};
    std::mutex mutex;
    std::string error;
    const auto show = [&](const auto& what) {
        try {
            what();
        } catch (const std::exception& failure) {
            const std::lock_guard lock(mutex);
            error = failure.what();
            bell.ring();
        }
    };
    auto watching = queue.watch(
        [&](const EventNotice& notice) {
            if (options.count > 0 && seen >= options.count) {
                return;
            }
            show([&] {
                print(line_of(options, queue, notice));
                flush_output();
            });
            if (++seen == options.count) {
                bell.ring();
            }
        },
        [&] { show([&] { say_gap(options); }); });
    if (!options.common.json && is_terminal(stderr)) {
        complain("watching " + options.type + "; Ctrl-C ends");
    }
    for (;;) {
        wait_for(signals, bell, std::chrono::seconds(60));
        const std::lock_guard lock(mutex);
        if (!error.empty()) {
            throw Failure(error);
        }
        if (signals.take() || (options.count > 0 && seen >= options.count)) {
            break;
        }
    }
    watching.unsubscribe();
    return exit_ok;
}

}  // namespace

void add_tail(CommandLine& line) {
    auto options = std::make_shared<Tail>();
    CLI::App* const sub =
        line.add("tail", "Show live what is published and settled, until Ctrl-C", options->common,
                 "eventy tail Earthquake\n"
                 "eventy tail Earthquake --payload --count 10 --json",
                 "Where something may be missing, because the connection was lost and is back, a line on\n"
                 "stderr says so; with --json that is {\"gap\": true, \"at\": \"...\"} on stdout.");
    sub->add_option("TYPE", options->type, "the event type")->required();
    sub->add_option("--count", options->count, "end after so many")->check(positive());
    sub->add_flag("--payload", options->payload, "show the payloads too");
    sub->callback([&line, options] { line.run = [options] { return run(*options); }; });
}

}  // namespace eventy::cli
