#include "examples/example_run.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace eventy::test {

namespace {

constexpr auto patience = std::chrono::minutes(2);

/// In a process group of its own, so that the processes that it starts can be killed with it.
pid_t start(std::vector<std::string> words, int output) {
    std::vector<char*> arguments;
    for (auto& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attributes, 0);
    pid_t pid = 0;
    const int error = posix_spawn(&pid, arguments[0], &actions, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        throw std::runtime_error("cannot start " + words[0]);
    }
    return pid;
}

/// All that comes until the last process that writes there has ended, or patience has.
std::string read_all(int fd, pid_t group) {
    std::string text;
    std::array<char, 4096> chunk;
    auto end = std::chrono::steady_clock::now() + patience;
    bool killed = false;
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
        const int ready = poll(&readable, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready == 0 && !killed) {
            kill(-group, SIGKILL);
            killed = true;
            end += std::chrono::seconds(10);
            continue;
        }
        const ssize_t count = ready > 0 ? read(fd, chunk.data(), chunk.size()) : 0;
        if (count <= 0) {
            return text;
        }
        text.append(chunk.data(), static_cast<std::size_t>(count));
    }
}

}  // namespace

bool ExampleRun::has_line(std::string_view line) const { return has_line_beginning(std::string(line) + "\n"); }

bool ExampleRun::has_line_beginning(std::string_view beginning) const {
    return ("\n" + output).find("\n" + std::string(beginning)) != std::string::npos;
}

ExampleRun run_example(const std::string& name, const std::string& url, std::vector<std::string> arguments) {
    setenv("EVENTY_REDIS_URL", url.c_str(), 1);
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw std::runtime_error("no pipe");
    }
    arguments.insert(arguments.begin(), EVENTY_EXAMPLES "/example_" + name);
    const pid_t pid = start(std::move(arguments), ends[1]);
    close(ends[1]);
    ExampleRun run;
    run.output = read_all(ends[0], pid);
    close(ends[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    run.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return run;
}

}  // namespace eventy::test
