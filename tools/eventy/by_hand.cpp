// eventy retry and eventy discard: what people decide about events that failed, or that should not be handled.
#include <cmath>

#include "command.hpp"
#include "output.hpp"
#include "signals.hpp"
#include "time_words.hpp"

namespace eventy::cli {

namespace {

using Queue = EventQueue<std::string>;

/// What differs between the two.
struct Deed {
    const char* name;       // of the subcommand
    const char* done;       // "event 7 of T was ..."
    const char* unchanged;  // "event 7 of T was ..."
    bool (Queue::*one)(EventId) const;
    std::int64_t (Queue::*all)(EventFilter, std::function<void(const BulkProgress&)>) const;
    std::vector<EventStatus> statuses;  // that --all without --status means
};

struct ByHand {
    Common common = {};
    std::string type = {};
    QueueNeeds needs = {};
    std::vector<EventId> ids = {};
    EventFilter filter = {};
    bool all = false, yes = false;
};

/// Thrown by the progress of a bulk call: the steps that were made stay made.
struct Interrupted {};

std::string events_of(std::int64_t count, const std::string& type) {
    return grouped(count) + (count == 1 ? " event of " : " events of ") + type;
}

void check(const ByHand& options) {
    if (options.all == !options.ids.empty()) {
        throw UsageError(options.all ? "give ids or --all, not both" : "give ids of events, or --all");
    }
    if (options.filter.status == EventStatus::processed) {
        throw UsageError("what was processed cannot be discarded");
    }
}

// -- single events ---------------------------------------------------------------------------------------------------

int each(const Deed& deed, const ByHand& options) {
    const auto queue = open_queue(options.common, options.type, options.needs);
    int code = exit_ok;
    for (const EventId id : options.ids) {
        const char* outcome = "gone";
        try {
            outcome = (queue.*deed.one)(id) ? "done" : "unchanged";
        } catch (const EventNotFound& error) {
            complain(error.what());
            code = exit_failure;
        }
        if (options.common.json) {
            print(JsonObject().number("id", id).text("type", options.type).text(deed.name, outcome).str() + "\n");
        } else if (outcome != std::string_view("gone")) {
            print("event " + std::to_string(id) + " of " + options.type + " was " +
                  (outcome == std::string_view("done") ? deed.done : deed.unchanged) + "\n");
        }
        flush_output();
    }
    return code;
}

// -- many ------------------------------------------------------------------------------------------------------------

void say_bulk(const Deed& deed, const ByHand& options, std::int64_t matching, std::int64_t changed) {
    if (options.common.json) {
        JsonObject object;
        object.text("type", options.type).text("action", deed.name).number("matching", matching);
        object.number("changed", changed).raw("dry_run", options.yes ? "false" : "true");
        print(object.str() + "\n");
    } else if (options.yes) {
        print(events_of(changed, options.type) + (changed == 1 ? " was " : " were ") + deed.done + "\n");
    } else {
        print("would " + std::string(deed.name) + " " + events_of(matching, options.type) +
              (matching > 0 ? "; nothing was changed: add --yes to do it\n" : "\n"));
    }
}

int count_only(const Deed& deed, const ByHand& options, const Queue& queue) {
    std::int64_t matching = 0;
    for (const EventStatus status : deed.statuses) {
        EventFilter filter = options.filter;
        filter.status = filter.status.value_or(status);
        matching += queue.count_events(filter);
        if (options.filter.status) {
            break;
        }
    }
    say_bulk(deed, options, matching, 0);
    return exit_ok;
}

int all_of_them(const Deed& deed, const ByHand& options) {
    if (!options.yes) {
        return count_only(deed, options, open_queue(options.common, options.type, options.needs));
    }
    Signals signals;
    const auto queue = open_queue(options.common, options.type, options.needs);
    const auto begin = std::chrono::steady_clock::now();
    Progress progress;
    BulkProgress so_far;
    int code = exit_ok;
    try {
        (queue.*deed.all)(options.filter, [&](const BulkProgress& step) {
            so_far = step;
            const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
            const auto rate = std::llround(static_cast<double>(step.done) / std::max(seconds, 1e-3));
            progress.show(step.done, step.total, grouped(step.done) + " " + deed.done + ", " + grouped(rate) + "/s");
            if (signals.take()) {
                throw Interrupted();
            }
        });
    } catch (const Interrupted&) {
        code = exit_interrupted;
    } catch (const Error&) {
        progress.clear();
        complain(events_of(so_far.done, options.type) + " were " + deed.done + " before this:");
        throw;
    }
    progress.clear();
    say_bulk(deed, options, so_far.total, so_far.done);
    if (code == exit_interrupted) {
        complain("ended by a signal before all were looked at; the same command goes on");
    }
    return code;
}

// -- the command line ------------------------------------------------------------------------------------------------

CLI::App* add(CommandLine& line, const std::shared_ptr<ByHand>& options, const Deed& deed, const std::string& what,
              const std::string& examples, const std::string& notes) {
    CLI::App* const sub =
        line.add(deed.name, what, options->common, examples,
                 notes +
                     "\n--all without --yes says how many events it would be and changes nothing. An id that is not\n"
                     "there, because it never was or expired, is said on stderr, and the exit code is 1.");
    sub->add_option("TYPE", options->type, "the event type")->required();
    sub->add_option("ID", options->ids, "ids of events")->check(positive());
    auto* const all = sub->add_flag("--all", options->all, "instead of ids: all that match");
    add_time(sub, "--since", options->filter.created_at_min, "with --all: created then or later: ISO 8601, or -15m")
        ->needs(all);
    add_time(sub, "--until", options->filter.created_at_max, "with --all: created then or earlier")->needs(all);
    sub->add_flag("--yes", options->yes, "with --all: do it")->needs(all);
    add_duration(sub, "--ttl", options->needs.ttl, "for how long from now the events are kept at least [1d]");
    sub->callback([&line, options, deed] {
        check(*options);
        line.run = [options, deed] { return options->all ? all_of_them(deed, *options) : each(deed, *options); };
    });
    return sub;
}

}  // namespace

void add_retry(CommandLine& line) {
    const auto options = std::make_shared<ByHand>();
    add(line, options,
        {.name = "retry",
         .done = "taken up again",
         .unchanged = "not given up: nothing to do",
         .one = &Queue::retry_event,
         .all = &Queue::retry_all,
         .statuses = {EventStatus::error}},
        "Take up again events that are ERROR",
        "eventy retry Earthquake 7 12\n"
        "eventy retry Earthquake --all --since -1h\n"
        "eventy retry Earthquake --all --since -1h --yes",
        "An event that is ERROR becomes PENDING, in each group that gave it up, with all its attempts. One that\n"
        "waits for its next attempt is due at once if its id is given.");
}

void add_discard(CommandLine& line) {
    const auto options = std::make_shared<ByHand>();
    CLI::App* const sub =
        add(line, options,
            {.name = "discard",
             .done = "discarded",
             .unchanged = "processed or given up before: nothing to do",
             .one = &Queue::discard,
             .all = &Queue::discard_all,
             .statuses = {EventStatus::pending, EventStatus::processing}},
            "Give up events that are not processed yet",
            "eventy discard Earthquake 7 12\n"
            "eventy discard Earthquake --all --status pending --until -1d\n"
            "eventy discard Earthquake --all --status pending --until -1d --yes",
            "The event becomes ERROR, in each group that has not processed it, and no worker takes it.\n"
            "The lease of a running one is lost, so that its handler is asked to stop and its outcome\n"
            "changes nothing. eventy retry takes it up again.");
    add_status(sub, "--status", options->filter.status,
               "with --all: only these: pending, processing or error [pending and processing]")
        ->needs(sub->get_option("--all"));
}

}  // namespace eventy::cli
