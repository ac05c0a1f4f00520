// What all subcommands share: the server, the exit codes, how they are added to the command line.
#pragma once
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <eventy/manager.hpp>
#include <eventy/queue.hpp>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace eventy::cli {

/// How the command ends. They stand in `eventy --help` and in README.md.
enum ExitCode : int {
    exit_ok = 0,
    exit_failure = 1,     // the server, or something that is not there
    exit_usage = 2,       // wrong options or wrong input
    exit_partly = 3,      // done, but for input that had to be left out
    exit_interrupted = 4  // ended by a signal before it was done; what was done stays done
};

/// Wrong options or input: said in one line, exit code 2.
struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};
/// Exit code 1.
struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Which server and prefix, and whether to print JSON.
struct Common {
    std::string url = "redis://127.0.0.1:6379", prefix = "eventy";
    milliseconds timeout{5000};
    bool json = false;
};

struct QueueNeeds {
    std::optional<int> concurrency = {};
    milliseconds lease{10000}, ttl = std::chrono::hours(24);
    RetryPolicy retry = {};
    milliseconds handler_timeout{0};
};

/// The queue of bytes, the manager; they wait for the server. They throw what the library throws, without its warnings
/// of the same.
EventQueue<std::string> open_queue(const Common&, const std::string& type, const QueueNeeds& = {});
QueueManager open_manager(const Common&);

/// The command line while it is being described and parsed.
struct CommandLine {
    CLI::App& app;
    std::vector<std::string> command;  // what stood behind "--", for `work`
    bool command_given = false;
    std::function<int()> run = {};  // set by the subcommand that was chosen

    /// A subcommand with the options that all have. `examples`: whole lines, without an indent; `notes`: what the help
    /// says before them.
    CLI::App* add(const std::string& name, const std::string& what, Common& common, const std::string& examples,
                  const std::string& notes = {}, bool prints_data = true);
};

/// A whole number from 1 on.
CLI::Validator positive();

/// Options whose value is a duration or a time; a wrong one is a usage error that names the option.
CLI::Option* add_duration(CLI::App*, const std::string& name, milliseconds&, const std::string& what);
CLI::Option* add_time(CLI::App*, const std::string& name, std::optional<Timestamp>&, const std::string& what);
CLI::Option* add_status(CLI::App*, const std::string& name, std::optional<EventStatus>&, const std::string& what);

void add_publish(CommandLine&);
void add_work(CommandLine&);
void add_get(CommandLine&);
void add_search(CommandLine&);
void add_count(CommandLine&);
void add_retry(CommandLine&);
void add_discard(CommandLine&);
void add_types(CommandLine&);
void add_subscribers(CommandLine&);
void add_stats(CommandLine&);
void add_tail(CommandLine&);

}  // namespace eventy::cli
