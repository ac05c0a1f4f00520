// One run of a command: bytes in, an outcome out.
#pragma once
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace eventy::cli {

/// A command that was looked up and can be run.
class Program {
public:
    /// Looks the first word up in PATH as a shell would. Throws UsageError when there is no such program.
    explicit Program(std::vector<std::string> words);

    const std::string& path() const { return path_; }
    const std::vector<std::string>& words() const { return words_; }

private:
    std::vector<std::string> words_;
    std::string path_;
};

struct ChildOutcome {
    enum class How { exited, killed, not_started };
    How how = How::exited;
    int number = 0;           // the exit status, the signal, or the errno of the start
    std::string errors = {};  // the end of what it wrote to stderr
};

/// Starts the program in a process group of its own, so that a Ctrl-C at the terminal does not reach it, writes `input`
/// to its stdin and waits for its end. Its stdout is ours; its stderr goes on to ours, and the last 4 KiB are kept.
///
/// `stop`: the group gets SIGTERM, and SIGKILL two seconds later. `kill`: SIGKILL at once. Should we die, so does the
/// child: whoever takes the event next must not have to run beside it. Several threads may call this at once; SIGPIPE
/// must be ignored.
ChildOutcome run_child(const Program&, const std::vector<std::string>& environment, std::string_view input,
                       const std::stop_token& stop, const std::stop_token& kill);

/// Our environment without the names in `overridden`, as `NAME=value`.
std::vector<std::string> environment_without(const std::vector<std::string>& overridden);

}  // namespace eventy::cli
