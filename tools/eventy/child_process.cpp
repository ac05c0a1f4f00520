#include "child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "command.hpp"
#include "signals.hpp"

namespace eventy::cli {

namespace {

constexpr std::size_t errors_kept = 4096;
constexpr auto grace = std::chrono::seconds(2);
using std::chrono::steady_clock;

class Fd {
public:
    explicit Fd(int fd = -1) : fd_(fd) {}
    ~Fd() { reset(); }
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    void reset() {
        if (fd_ >= 0) {
            close(std::exchange(fd_, -1));
        }
    }
    int get() const { return fd_; }

private:
    int fd_;
};

struct Pipe {
    Fd out, in;  // to read from, to write to
};

std::optional<Pipe> make_pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        return std::nullopt;
    }
    return Pipe{Fd(ends[0]), Fd(ends[1])};
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> all;
    all.reserve(texts.size() + 1);
    for (const auto& text : texts) {
        all.push_back(const_cast<char*>(text.c_str()));
    }
    all.push_back(nullptr);
    return all;
}

/// Between vfork and exec, in the parent's memory: nothing but system calls.
[[noreturn]] void become(const char* path, char* const* argv, char* const* envp, int input, int errors, int told,
                         pid_t parent) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127);
    }
    std::signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    dup2(input, STDIN_FILENO);
    dup2(errors, STDERR_FILENO);
    constexpr int first_free = STDERR_FILENO + 1;
    if (told != first_free) {
        dup3(told, first_free, O_CLOEXEC);
    }
    closefrom(first_free + 1);  // the library's sockets are nobody else's
    execve(path, argv, envp);
    const int error = errno;
    static_cast<void>(!write(first_free, &error, sizeof error));
    _exit(127);
}

class Child {
public:
    // By number: glibc 2.36 declares pidfd_open without extern "C".
    Child(pid_t pid, Fd input, Fd errors, std::string_view bytes)
        : pid_(pid),
          alive_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))),
          input_(std::move(input)),
          errors_(std::move(errors)),
          bytes_(bytes) {
        fcntl(input_.get(), F_SETFL, O_NONBLOCK);
        fcntl(errors_.get(), F_SETFL, O_NONBLOCK);
    }

    ChildOutcome wait(const std::stop_token& stop, const std::stop_token& kill) {
        const std::stop_callback on_stop(stop, [this] { bell_.ring(); });
        const std::stop_callback on_kill(kill, [this] { bell_.ring(); });
        feed();
        while (!ended()) {
            if (kill.stop_requested() || (terminated_at_ && steady_clock::now() >= *terminated_at_ + grace)) {
                ::kill(-pid_, SIGKILL);
                ::kill(pid_, SIGKILL);
            } else if (stop.stop_requested() && !terminated_at_) {
                terminated_at_ = steady_clock::now();
                ::kill(-pid_, SIGTERM);
                ::kill(pid_, SIGTERM);
            }
            wait_for_news();
        }
        if (terminated_at_ || kill.stop_requested()) {
            ::kill(-pid_, SIGKILL);  // what it started and left behind; the group is ours until we reap the child
        }
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        read_errors();  // what is there by now; somebody the child left behind may keep it open for ever
        ChildOutcome outcome{.errors = std::move(kept_)};
        outcome.how = WIFSIGNALED(status) ? ChildOutcome::How::killed : ChildOutcome::How::exited;
        outcome.number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
        return outcome;
    }

private:
    bool ended() const {
        siginfo_t info{};
        return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_;
    }

    void wait_for_news() {
        std::array<pollfd, 4> fds{{{alive_.get(), POLLIN, 0},
                                   {errors_.get(), POLLIN, 0},
                                   {input_.get(), POLLOUT, 0},
                                   {bell_.fd(), POLLIN, 0}}};
        // Without a descriptor of its end (an old kernel, or forbidden) ask often.
        poll(fds.data(), fds.size(), terminated_at_ ? 50 : alive_.get() < 0 ? 5 : -1);
        if (fds[3].revents != 0) {
            bell_.quiet();
        }
        if (fds[1].revents != 0) {
            read_errors();
        }
        if (fds[2].revents != 0) {
            feed();
        }
    }

    void feed() {
        while (input_.get() >= 0 && !bytes_.empty()) {
            const ssize_t count = write(input_.get(), bytes_.data(), bytes_.size());
            if (count >= 0) {
                bytes_.remove_prefix(static_cast<std::size_t>(count));
            } else if (errno == EAGAIN) {
                return;
            } else if (errno != EINTR) {
                bytes_ = {};  // it does not read, as it may
            }
        }
        input_.reset();
    }

    void read_errors() {
        std::array<char, 16384> chunk;
        while (errors_.get() >= 0) {
            const ssize_t count = read(errors_.get(), chunk.data(), chunk.size());
            if (count > 0) {
                const auto size = static_cast<std::size_t>(count);
                static_cast<void>(!write(STDERR_FILENO, chunk.data(), size));
                kept_.append(chunk.data(), size);
                if (kept_.size() > errors_kept) {
                    kept_.erase(0, kept_.size() - errors_kept);
                }
            } else if (count == 0) {
                errors_.reset();
            } else if (errno != EINTR) {
                return;
            }
        }
    }

    pid_t pid_;
    Fd alive_, input_, errors_;
    Bell bell_;
    std::string_view bytes_;
    std::string kept_;
    std::optional<steady_clock::time_point> terminated_at_;
};

bool is_program(const std::string& path) {
    struct stat about{};
    return stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) && access(path.c_str(), X_OK) == 0;
}

}  // namespace

Program::Program(std::vector<std::string> words) : words_(std::move(words)) {
    const std::string& name = words_.at(0);
    if (name.find('/') != std::string::npos) {
        if (!is_program(name)) {
            throw UsageError("cannot run " + name + ": " +
                             (access(name.c_str(), F_OK) == 0 ? "it is not an executable file" : std::strerror(errno)));
        }
        path_ = name;
        return;
    }
    const char* const variable = std::getenv("PATH");
    const std::string path = variable != nullptr ? variable : "/usr/local/bin:/usr/bin:/bin";
    for (std::size_t begin = 0; begin <= path.size() && !name.empty();) {
        const auto end = std::min(path.find(':', begin), path.size());
        const std::string folder = path.substr(begin, end - begin);
        const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
        if (is_program(candidate)) {
            path_ = candidate;
            return;
        }
        begin = end + 1;
    }
    throw UsageError("cannot run \"" + name + "\": there is no such program in PATH");
}

ChildOutcome run_child(const Program& program, const std::vector<std::string>& environment, std::string_view input,
                       const std::stop_token& stop, const std::stop_token& kill) {
    auto in = make_pipe();
    auto errors = make_pipe();
    auto told = make_pipe();
    if (!in || !errors || !told) {
        return {ChildOutcome::How::not_started, errno, {}};
    }
    const auto argv = pointers(program.words());
    const auto envp = pointers(environment);
    const pid_t parent = getpid();
    // Half the CPU of fork, which copies page tables; the child touches nothing of ours before it is another program.
    const pid_t pid = vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork,bugprone-unsafe-functions)
    if (pid < 0) {
        return {ChildOutcome::How::not_started, errno, {}};
    }
    if (pid == 0) {
        become(program.path().c_str(), argv.data(), envp.data(), in->out.get(), errors->in.get(), told->in.get(),
               parent);
    }
    setpgid(pid, pid);  // as the child does itself: whoever is first
    in->out.reset();
    errors->in.reset();
    told->in.reset();
    int error = 0;
    ssize_t count = 0;
    do {
        count = read(told->out.get(), &error, sizeof error);  // ends at the exec
    } while (count < 0 && errno == EINTR);
    if (count == sizeof error) {
        while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
        }
        return {ChildOutcome::How::not_started, error, {}};
    }
    return Child(pid, std::move(in->in), std::move(errors->out), input).wait(stop, kill);
}

std::vector<std::string> environment_without(const std::vector<std::string>& overridden) {
    std::vector<std::string> all;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text = *entry;
        const std::string name = text.substr(0, text.find('='));
        if (std::find(overridden.begin(), overridden.end(), name) == overridden.end()) {
            all.push_back(text);
        }
    }
    return all;
}

}  // namespace eventy::cli
