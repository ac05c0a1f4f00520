#include "signals.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace eventy::cli {

namespace {

sigset_t both() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

int checked(int fd, const char* what) {
    if (fd < 0) {
        throw std::system_error(errno, std::generic_category(), what);
    }
    return fd;
}

}  // namespace

Signals::Signals() {
    const sigset_t set = both();
    pthread_sigmask(SIG_BLOCK, &set, &old_mask_);
    // What was ignored when we began (a job in the background of a script) would not reach the descriptor.
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    fd_ = checked(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd");
}

Signals::~Signals() {
    while (take()) {  // or it would end the process now, having been blocked so far
    }
    close(fd_);
    pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
}

std::optional<int> Signals::take() {
    signalfd_siginfo info{};
    if (read(fd_, &info, sizeof info) != sizeof info) {
        return std::nullopt;
    }
    return static_cast<int>(info.ssi_signo);
}

Bell::Bell() : fd_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {}

Bell::~Bell() { close(fd_); }

void Bell::ring() const {
    const std::uint64_t one = 1;
    static_cast<void>(!write(fd_, &one, sizeof one));
}

void Bell::quiet() const {
    std::uint64_t count = 0;
    static_cast<void>(!read(fd_, &count, sizeof count));
}

void wait_for(const Signals& signals, const Bell& bell, std::chrono::milliseconds time) {
    std::array<pollfd, 2> fds{{{signals.fd(), POLLIN, 0}, {bell.fd(), POLLIN, 0}}};
    poll(fds.data(), fds.size(), static_cast<int>(time.count()));
    bell.quiet();
}

}  // namespace eventy::cli
