// The command line of Eventy: parses, runs the chosen subcommand, and says in one line what went wrong.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <eventy/config.hpp>
#include <iterator>
#include <sstream>

#include "command.hpp"
#include "output.hpp"

namespace eventy::cli {

namespace {

constexpr const char* exit_codes =
    "Exit codes:\n"
    "  0  done\n"
    "  1  failed: the server, or something that is not there\n"
    "  2  wrong options or wrong input\n"
    "  3  done, but bad lines were left out (publish --keep-going)\n"
    "  4  ended by a signal before it was done (publish, retry, discard)\n"
    "Each subcommand has its own --help with examples.";

/// What stands behind the "--" of `work` is a command and must not be read as options.
std::vector<std::string> split(std::vector<std::string>& arguments, bool& found) {
    const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
    found = dashes != arguments.end();
    std::vector<std::string> behind;
    if (found) {
        behind.assign(std::next(dashes), arguments.end());
        arguments.erase(dashes, arguments.end());
    }
    return behind;
}

/// Where Redis is may be said before the subcommand, too: `eventy --prefix myapp stats`. Its options are read behind
/// it.
void put_behind_subcommand(std::vector<std::string>& arguments) {
    auto next = arguments.begin();
    while (next != arguments.end() && (next->starts_with("--url") || next->starts_with("--prefix"))) {
        const bool value_follows = next->find('=') == std::string::npos && std::next(next) != arguments.end();
        next += value_follows ? 2 : 1;
    }
    if (next != arguments.end()) {
        std::rotate(arguments.begin(), next, std::next(next));
    }
}

int usage_error(const CLI::App& app, const std::string& message) {
    const auto chosen = app.get_subcommands();
    complain(message + "; see eventy " + (chosen.empty() ? "" : chosen.front()->get_name() + " ") + "--help");
    return exit_usage;
}

int run(int argc, char** argv) {
    CLI::App app("Publish, process and look at events on Redis.", "eventy");
    app.set_version_flag("--version", std::string("eventy ") + EVENTY_VERSION);
    app.require_subcommand(1);
    app.footer(exit_codes);

    std::vector<std::string> arguments(argv + 1, argv + argc);
    CommandLine line{.app = app, .command = {}, .run = {}};
    put_behind_subcommand(arguments);
    if (!arguments.empty() && arguments.front() == "work") {
        line.command = split(arguments, line.command_given);
    }
    add_publish(line);
    add_work(line);
    add_get(line);
    add_search(line);
    add_count(line);
    add_retry(line);
    add_discard(line);
    add_types(line);
    add_subscribers(line);
    add_stats(line);
    add_tail(line);
    try {
        std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
        app.parse(std::move(arguments));
        const int code = line.run();
        flush_output();
        return code;
    } catch (const CLI::Success& success) {  // --help, --version
        std::ostringstream text;
        const int code = app.exit(success, text, text);
        print(text.str());
        flush_output();
        return code;
    } catch (const CLI::ParseError& error) {
        if (app.get_subcommands().empty()) {
            return usage_error(app, argc > 1 ? "there is no subcommand \"" + std::string(argv[1]) + "\""
                                             : "say what to do, such as eventy stats");
        }
        return usage_error(app, error.what());
    } catch (const UsageError& error) {
        return usage_error(app, error.what());
    }
}

/// Whoever started us without a stdin, stdout or stderr (`<&-`) means that there is none. The next descriptor that is
/// opened, a socket or a signalfd, must not become it; so /dev/null does, from the end at which using it is an error.
void occupy_missing_descriptors() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            // The lowest free number, which is this one.
            static_cast<void>(open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
        }
    }
}

int run_and_explain(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const ConnectionError& error) {
        const std::string what = error.what();
        // As opposed to "cannot use": something answered.
        complain(what + (what.starts_with("cannot reach ")
                             ? "; is Redis running there? Another one: --url or EVENTY_REDIS_URL"
                             : "; --url or EVENTY_REDIS_URL say which server, database, user and password"));
    } catch (const Error& error) {
        complain(error.what());
        return error.code() == errc::invalid_argument ? exit_usage : exit_failure;
    } catch (const std::exception& error) {
        complain(error.what());
    }
    return exit_failure;
}

}  // namespace
}  // namespace eventy::cli

int main(int argc, char** argv) {
    eventy::cli::occupy_missing_descriptors();
    return eventy::cli::run_and_explain(argc, argv);
}
