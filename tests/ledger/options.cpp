#include "ledger/options.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <map>

#include "ledger/choices.hpp"

namespace eventy::ledger {

namespace {

constexpr const char* about =
    "Proves the queue by killing things.\n"
    "\n"
    "Publisher and worker processes work on private redis-servers with append-only files: on each three types\n"
    "of events, one with two groups, of which one has long handlers, one whose events soon expire. Meanwhile,\n"
    "in an order that the seed decides: kill -9 of workers and publishers, SIGSTOP for longer than a lease\n"
    "and SIGCONT, kill -9 and restart of Redis, cut, stalled and one-way silent connections, CLIENT KILL,\n"
    "SCRIPT FLUSH, SIGTERM (a deploy), discarded events, publishes with a dedup_key, and handlers that throw,\n"
    "hang or crash. Each process writes what it does into a file of its own (O_APPEND, fdatasync); at the end\n"
    "these files are compared with what is in Redis, group by group.";

constexpr const char* epilogue =
    "Examples:\n"
    "  eventy_ledger                          one minute, a seed of its own\n"
    "  eventy_ledger --seed 42 --seconds 20   the choices of seed 42\n"
    "  eventy_ledger --redis 3                three servers: a fault cuts a process half off\n"
    "  eventy_ledger --fsync everysec         Redis loses its last second at each kill, and how much is said\n"
    "  eventy_ledger --seed 42 --plan         only prints what seed 42 would do, and when\n"
    "  eventy_ledger --judge FOLDER           judges again what a run has kept, for a day\n"
    "\n"
    "The seed repeats the choices (faults, targets, times, what each handler does), not the interleaving of "
    "processes.\n"
    "Exit status: 0 every must holds; 1 one is broken, then the seed and the story of each broken one are printed and\n"
    "the files are kept: the ledger's and, as r1.aof and so on, the append-only file of each Redis; 2 wrong options, "
    "or the experiment itself failed.";

}  // namespace

Options parse_options(int argc, char** argv) {
    Options options;
    CLI::App app(about, "eventy_ledger");
    app.footer(epilogue);
    std::optional<std::uint64_t> seed;
    int lease = 2000, slack = 0;
    std::string fsync = "always";
    app.add_option("--seed", seed, "repeats the choices of a run; without it a fresh one, which is printed");
    app.add_option("--seconds", options.seconds, "how long faults go on")
        ->capture_default_str()
        ->check(CLI::Range(3, 86400));
    app.add_option("--events", options.events, "how many events the publishers publish in that time")
        ->capture_default_str()
        ->check(CLI::Range(1, 100000000));
    app.add_option("--publishers", options.publishers, "publisher processes at a time")
        ->capture_default_str()
        ->check(CLI::Range(1, 100));
    app.add_option("--workers", options.workers,
                   "worker processes at a time, each with 8 handlers at once for each server, or for each of its types")
        ->capture_default_str()
        ->check(CLI::Range(2, 100));
    app.add_option("--redis", options.servers,
                   "how many redis-servers, each a home of its own; every process uses all of them, faults strike one")
        ->capture_default_str()
        ->check(CLI::Range(1, 9));
    app.add_option("--fsync", fsync, "appendfsync of Redis: always or everysec")
        ->capture_default_str()
        ->check(CLI::IsMember({"always", "everysec"}));
    app.add_option("--lease-ms", lease, "the queue's lease")->capture_default_str()->check(CLI::Range(1000, 60000));
    app.add_option("--slack-ms", slack,
                   "added to the bounds on time, for machines that are loaded with other work; the table says it")
        ->capture_default_str()
        ->check(CLI::Range(0, 60000));
    app.add_flag("--keep", options.keep,
                 "keep the files even when all is well: the ledger's, and Redis's append-only ones");
    app.add_option("--judge", options.judge, "no run: compare the files that one with the same options has kept")
        ->check(CLI::ExistingDirectory);
    app.add_flag("--plan", options.plan_only, "print the faults of this seed and end");
    // How the program runs itself; not for people.
    const char* const none = "";
    app.add_option("--role", options.role)->group(none);
    app.add_option("--name", options.name)->group(none);
    app.add_option("--folder", options.folder)->group(none);
    app.add_option("--port", options.ports)->group(none);
    app.add_option("--first", options.first)->group(none);
    app.add_option("--count", options.count)->group(none);
    app.add_option("--rests-until", options.rests_until)->group(none);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error) == 0 ? 0 : 2);
    }
    options.everysec = fsync == "everysec";
    options.seed = seed ? *seed
                        : draw(static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()),
                               "a fresh seed") %
                              1000000000;
    options.terms.lease = std::chrono::milliseconds(lease);
    options.terms.handler_timeout = options.terms.lease * 3 / 2;
    options.terms.slack = std::chrono::milliseconds(slack);
    // "You may lose one second": Redis's words for it; its background fsync may be one more behind when the disk is
    // busy.
    options.terms.may_lose = std::chrono::milliseconds(options.everysec ? 2000 : 0);
    return options;
}

std::string to_command_line(const Options& options) {
    return "--seed " + std::to_string(options.seed) + " --seconds " + std::to_string(options.seconds) + " --events " +
           std::to_string(options.events) + " --publishers " + std::to_string(options.publishers) + " --workers " +
           std::to_string(options.workers) + " --redis " + std::to_string(options.servers) + " --fsync " +
           (options.everysec ? "everysec" : "always") + " --lease-ms " + std::to_string(options.terms.lease.count()) +
           (options.terms.slack.count() > 0 ? " --slack-ms " + std::to_string(options.terms.slack.count()) : "");
}

}  // namespace eventy::ledger
