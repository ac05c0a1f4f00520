// eventy work TYPE -- COMMAND: a worker made of any program.
#include <algorithm>
#include <csignal>

#include "command.hpp"
#include "output.hpp"
#include "time_words.hpp"
#include "work_action.hpp"
#include "work_run.hpp"

namespace eventy::cli {

namespace {

struct Work {
    Common common = {};
    std::string type = {};
    QueueNeeds needs = {};
    WorkLimits limits = {};
    bool print = false, quiet = false;
    std::vector<std::string> command = {};
    std::vector<std::string> misplaced = {};  // a command that stood before "--", or without it
};

void check(const Work& options, bool command_given) {
    if (!options.misplaced.empty()) {
        throw UsageError("put the command behind --: eventy work " + options.type + " -- " + options.misplaced.front());
    }
    if (options.print && command_given) {
        throw UsageError("--print and a command exclude each other");
    }
    if (!options.print && options.command.empty()) {
        throw UsageError("nothing to do with the events: give a command behind --, or --print");
    }
}

void say_what_was_done(const Work& options, const WorkRun::Tally& tally, milliseconds took) {
    const std::int64_t handled = tally.processed + tally.failed;
    std::string text = "handled " + grouped(handled) + (handled == 1 ? " event of " : " events of ") + options.type +
                       " in " + to_words(took);
    if (tally.failed > 0) {
        text += ", " + grouped(tally.failed) + " of them failed";
    }
    if (tally.handed_back > 0) {
        text += "; handed back " + grouped(tally.handed_back);
    }
    complain(text);
}

int run(Work options) {
    Signals signals;
    // A child that does not read its stdin, or a reader of --print that went away, shows by the write's error.
    std::signal(SIGPIPE, SIG_IGN);
    const auto action = options.print ? make_print_action(options.type)
                                      : make_command_action(options.type, options.command, options.needs.retry);
    if (options.print && !options.needs.concurrency) {
        options.needs.concurrency = 1;  // in the order of their ids
    }
    options.limits.max_attempts = options.needs.retry.max_attempts;
    const auto begin = std::chrono::steady_clock::now();
    WorkRun work(signals, open_queue(options.common, options.type, options.needs), *action, options.limits);
    const auto summary = [&] {
        if (!options.quiet) {
            const auto took = std::chrono::steady_clock::now() - begin;
            say_what_was_done(options, work.tally(), std::chrono::round<milliseconds>(took));
        }
    };
    try {
        const int code = work.run();
        summary();
        return code;
    } catch (...) {
        summary();
        throw;
    }
}

void add_drain(CLI::App* app, milliseconds& drain) {
    app->add_option_function<std::string>(
           "--drain",
           [&drain](const std::string& text) {
               const bool bare = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
               const auto parsed = parse_duration(bare ? text + "s" : text);
               if (!parsed) {
                   throw CLI::ValidationError("--drain", "\"" + text + "\" is no number of seconds and no duration");
               }
               drain = *parsed;
           },
           "how long running commands may go on after SIGTERM or SIGINT [30]")
        ->type_name("SECONDS");
}

}  // namespace

void add_work(CommandLine& line) {
    auto options = std::make_shared<Work>();
    CLI::App* const sub = line.add(
        "work", "Run a command for each event, its payload on stdin", options->common,
        "eventy work Earthquake --concurrency 4 -- ./handle-earthquake --verbose\n"
        "eventy work Earthquake --once -- sh -c 'cat >> earthquakes-$EVENTY_ATTEMPT.ndjson'\n"
        "eventy work Earthquake --max-attempts 5 --backoff 10s --handler-timeout 1m -- ./handle-earthquake\n"
        "eventy work Earthquake --count 3 --print",
        "COMMAND gets the payload on stdin, and EVENTY_EVENT_ID, EVENTY_EVENT_TYPE, EVENTY_ATTEMPT,\n"
        "EVENTY_CREATED_AT, EVENTY_EPOCH and EVENTY_KEY in its environment. EVENTY_EPOCH rises from taker to taker\n"
        "of an event: a store that keeps the highest one it saw can refuse the writes of a worker that lost it.\n"
        "Exit status of COMMAND:\n"
        "  0      processed\n"
        "  75     (EX_TEMPFAIL) again after the backoff, whether --max-attempts are used up or not\n"
        "  65     (EX_DATAERR) ERROR now, whatever attempts are left\n"
        "  other  a failed attempt: again after the backoff while --max-attempts are left, then ERROR\n"
        "The end of its stderr is the reason that is kept. The backoff is --backoff after the first attempt, twice\n"
        "as long after each further one, up to --max-backoff, less a random part of up to a half.\n"
        "When --handler-timeout is over, or the lease is lost, COMMAND's process group gets SIGTERM, and SIGKILL\n"
        "two seconds later; its exit status does not count any more.\n"
        "SIGTERM or SIGINT: takes nothing more, waits for running commands (--drain), hands the rest back and\n"
        "exits with 0; a second one kills the commands and hands their events back too.",
        false);
    sub->add_option("TYPE", options->type, "the event type")->required();
    sub->add_option("COMMAND", options->misplaced, "behind \"--\": what to run for each event, with its arguments");
    sub->add_flag("--print", options->print,
                  "instead of a command: write the events to stdout, one JSON object a line");
    sub->add_option("--concurrency", options->needs.concurrency, "commands at once [the CPUs; 1 with --print]");
    add_duration(sub, "--lease", options->needs.lease,
                 "how soon another worker takes over when this one is gone [10s]");
    sub->add_option("--max-attempts", options->needs.retry.max_attempts, "of each event; then it is ERROR")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    add_duration(sub, "--backoff", options->needs.retry.initial_backoff, "from a failed attempt to the next one [1s]");
    add_duration(sub, "--max-backoff", options->needs.retry.max_backoff, "the longest that it grows to [10m]");
    add_duration(sub, "--handler-timeout", options->needs.handler_timeout,
                 "how long a command may run; then it is ended and the attempt has failed [0s: for ever]");
    sub->add_option("--group", options->limits.group, "each group processes every event once")->capture_default_str();
    auto* const once = sub->add_flag("--once", options->limits.once, "end when the events of now are done");
    sub->add_option("--count", options->limits.count, "end after so many events; each attempt counts")
        ->check(positive())
        ->excludes(once);
    add_drain(sub, options->limits.drain);
    add_duration(sub, "--ttl", options->needs.ttl, "how long a failed event is kept [1d]");
    sub->add_flag("--quiet", options->quiet, "no summary at the end");
    sub->callback([&line, options] {
        options->command = line.command;
        check(*options, line.command_given);
        line.run = [options] { return run(*options); };
    });
}

}  // namespace eventy::cli
