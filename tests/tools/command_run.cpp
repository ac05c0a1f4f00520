#include "tools/command_run.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace eventy::test {

namespace {

struct Pipe {
    int out = -1, in = -1;
};

Pipe make_pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw std::runtime_error("no pipe");
    }
    return {ends[0], ends[1]};
}

}  // namespace

CommandRun::CommandRun(std::vector<std::string> words, Options options) {
    std::signal(SIGPIPE, SIG_IGN);
    const Pipe in = make_pipe();
    const Pipe out = make_pipe();
    const Pipe err = make_pipe();

    std::vector<std::string> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text = *entry;
        if (!options.environment.contains(text.substr(0, text.find('=')))) {
            environment.push_back(text);
        }
    }
    for (const auto& [name, value] : options.environment) {
        environment.push_back(name + "=" + value);
    }
    const auto pointers = [](std::vector<std::string>& texts) {
        std::vector<char*> all;
        for (auto& text : texts) {
            all.push_back(text.data());
        }
        all.push_back(nullptr);
        return all;
    };
    const auto argv = pointers(words);
    const auto envp = pointers(environment);

    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || (!options.folder.empty() && chdir(options.folder.c_str()) != 0)) {
            _exit(126);
        }
        std::signal(SIGPIPE, SIG_DFL);
        dup2(in.out, STDIN_FILENO);
        dup2(out.in, STDOUT_FILENO);
        dup2(err.in, STDERR_FILENO);
        execvpe(argv[0], argv.data(), envp.data());
        _exit(127);
    }
    close(in.out);
    close(out.in);
    close(err.in);
    give_up_ = eventfd(0, EFD_CLOEXEC);
    out_thread_ = std::thread([this, fd = out.out] { collect(fd, out_); });
    err_thread_ = std::thread([this, fd = err.out] { collect(fd, err_); });
    input_ = in.in;
    if (!options.input.empty()) {
        write(options.input);
    }
    if (!options.input_stays_open) {
        close_input();
    }
}

CommandRun::~CommandRun() {
    if (pid_ > 0) {
        kill(pid_, SIGKILL);
        wait();
    }
}

void CommandRun::signal(int number) const { kill(pid_, number); }

void CommandRun::write(std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = ::write(input_, text.data(), text.size());
        if (count < 0 && errno != EINTR) {
            return;  // it does not want more
        }
        text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    }
}

void CommandRun::close_input() {
    if (input_ >= 0) {
        close(std::exchange(input_, -1));
    }
}

void CommandRun::collect(int fd, std::string& text) {
    std::array<char, 65536> chunk;
    std::array<pollfd, 2> fds{{{fd, POLLIN, 0}, {give_up_, POLLIN, 0}}};
    while (true) {
        poll(fds.data(), fds.size(), -1);
        if (fds[0].revents == 0 && fds[1].revents != 0) {
            break;
        }
        const ssize_t count = fds[0].revents != 0 ? read(fd, chunk.data(), chunk.size()) : 0;
        if (fds[0].revents != 0 && (count == 0 || (count < 0 && errno != EINTR))) {
            break;
        }
        const std::lock_guard lock(mutex_);
        text.append(chunk.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
        changed_.notify_all();
    }
    close(fd);
    const std::lock_guard lock(mutex_);
    --open_outputs_;
    changed_.notify_all();
}

bool CommandRun::wait_for_text(const std::string& where, std::string_view text) {
    std::unique_lock lock(mutex_);
    const auto there = [&] { return where.find(text) != std::string::npos; };
    changed_.wait_for(lock, patience, [&] { return there() || open_outputs_ == 0; });
    return there();
}

bool CommandRun::wait_for_output(std::string_view text) { return wait_for_text(out_, text); }
bool CommandRun::wait_for_errors(std::string_view text) { return wait_for_text(err_, text); }

CommandRun::Ended CommandRun::wait() {
    close_input();
    int status = 0;
    const auto end = std::chrono::steady_clock::now() + patience;
    while (waitpid(pid_, &status, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() > end) {
            ADD_FAILURE() << "the process does not end";
            kill(pid_, SIGKILL);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    pid_ = 0;
    {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, patience, [&] { return open_outputs_ == 0; })) {
            ADD_FAILURE() << "the process has ended, but something that it started keeps its output open";
            eventfd_write(give_up_, 1);
        }
    }
    out_thread_.join();
    err_thread_.join();
    close(std::exchange(give_up_, -1));
    return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), out_, err_};
}

CommandTest::CommandTest(RedisServer::Options options) : server_(std::move(options)) {
    std::string name = (std::filesystem::temp_directory_path() / "eventy-command-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
        throw std::runtime_error("cannot make a folder like " + name);
    }
    folder_ = name;
}

CommandTest::~CommandTest() { std::filesystem::remove_all(folder_); }

std::vector<std::string> CommandTest::words(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), EVENTY_COMMAND);
    return arguments;
}

CommandRun::Options CommandTest::options(std::string input) const {
    return {.input = std::move(input), .environment = {{"EVENTY_REDIS_URL", server_.url()}}, .folder = folder_};
}

CommandRun::Ended CommandTest::eventy(std::vector<std::string> arguments, std::string input) const {
    return CommandRun(words(std::move(arguments)), options(std::move(input))).wait();
}

std::string CommandTest::ask(std::vector<std::string> arguments, std::string input) const {
    auto ended = eventy(std::move(arguments), std::move(input));
    EXPECT_EQ(ended.code, 0) << ended.err;
    if (ended.out.ends_with('\n')) {
        ended.out.pop_back();
    }
    return ended.out;
}

void CommandTest::publish(const std::string& type, int count) const {
    const auto ended = eventy({"publish", type}, numbered(count));
    ASSERT_EQ(ended.code, 0) << ended.err;
}

void CommandTest::end_leases() {
    std::vector<std::string> words = {"ZADD", "eventy:leases:T:default", "XX"};
    for (const std::string& id : server_.must({"ZRANGE", words[1], "0", "-1"}).texts()) {
        words.insert(words.end(), {"1", id});
    }
    if (words.size() > 3) {
        server_.must(words);
    }
}

void CommandTest::write_file(const std::string& name, std::string_view text) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
}

std::string CommandTest::read_file(const std::string& name) const {
    std::ifstream file(folder_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string numbered(int count) {
    std::string text;
    for (int n = 1; n <= count; ++n) {
        text += "{\"n\": " + std::to_string(n) + "}\n";
    }
    return text;
}

std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> all;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        all.push_back(line);
    }
    return all;
}

}  // namespace eventy::test
