// This file is a layer of its own: a static library's member is linked only into programs that call what it defines,
// and catching signals from the start on must not happen to any other.
#include <semaphore.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <eventy/termination.hpp>

namespace eventy {

namespace {

// Everything here may be touched in a signal handler: lock-free atomics, and sem_post, which POSIX allows there.
std::atomic<bool> interrupted{false};
std::atomic<bool> terminated{false};
std::atomic<std::time_t> interrupted_at{0};
sem_t came;
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<std::time_t>::is_always_lock_free);

std::time_t steady_seconds() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

extern "C" void on_termination_signal(int signal) {
    const int saved_errno = errno;
    std::atomic<bool>& pending = signal == SIGINT ? interrupted : terminated;
    if (!pending.exchange(true)) {
        if (signal == SIGINT) {
            interrupted_at = steady_seconds();
        }
        sem_post(&came);
    } else if (signal == SIGINT && steady_seconds() - interrupted_at > 1) {
        // Somebody at a terminal insists. Raised here it is delivered when this handler returns.
        std::signal(SIGINT, SIG_DFL);
        std::raise(SIGINT);
    }
    errno = saved_errno;
}

void catch_signals() {
    struct sigaction action{};
    action.sa_handler = &on_termination_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

/// Needs nothing that another file initialises.
const bool caught_from_the_start = [] {
    sem_init(&came, 0, 0);
    catch_signals();
    return true;
}();

}  // namespace

int wait_for_termination() {
    catch_signals();
    for (;;) {
        while (sem_wait(&came) != 0) {  // EINTR: by a signal of somebody else
        }
        if (terminated.exchange(false)) {
            return SIGTERM;
        }
        if (interrupted.exchange(false)) {
            return SIGINT;
        }
    }
}

}  // namespace eventy
