#include "ledger/role_process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>

namespace eventy::ledger {

namespace {

std::string in_words(int status) {
    return WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                               : "status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

RoleProcess::RoleProcess(const std::vector<std::string>& arguments, const std::string& output_file) {
    std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
    std::vector<std::string> words = arguments;
    std::vector<char*> argv = {program.data()};
    for (auto& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    const int output = open(output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const pid_t parent = getpid();
    pid_ = output < 0 ? -1 : fork();
    if (pid_ < 0) {
        throw std::system_error(errno, std::generic_category(), "cannot start a process");
    }
    if (pid_ == 0) {
        // Only what is safe between fork and exec in a program with threads.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        dup2(output, STDOUT_FILENO);
        dup2(output, STDERR_FILENO);
        closefrom(STDERR_FILENO + 1);
        execv(argv[0], argv.data());
        _exit(127);
    }
    close(output);
}

RoleProcess::~RoleProcess() {
    if (!ended()) {
        signal(SIGKILL);
        wait();
    }
}

void RoleProcess::signal(int number) const {
    if (!how_) {
        kill(pid_, number);
    }
}

std::optional<std::string> RoleProcess::ended() {
    int status = 0;
    if (!how_ && waitpid(pid_, &status, WNOHANG) == pid_) {
        how_ = in_words(status);
    }
    return how_;
}

void RoleProcess::wait() {
    int status = 0;
    if (!how_ && waitpid(pid_, &status, 0) == pid_) {
        how_ = in_words(status);
    }
}

}  // namespace eventy::ledger
