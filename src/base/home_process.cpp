#include "base/home_process.hpp"

#include <pthread.h>

#include <atomic>
#include <utility>
#include <vector>

namespace eventy::detail {

namespace {

std::atomic<int> forks{0};

void count_fork() { forks.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

HomeProcess::HomeProcess() noexcept : forks_(forks.load(std::memory_order_relaxed)) {
    // Should it fail (no memory), forks go unnoticed.
    static const int registered = ::pthread_atfork(nullptr, nullptr, &count_fork);
    (void)registered;
}

bool HomeProcess::is_here() const noexcept { return forks_ == forks.load(std::memory_order_relaxed); }

void leave_alone(std::shared_ptr<void> object) {
    // Reachable to the end, so that tools that look for leaks do not count it.
    static auto* const left = new std::vector<std::shared_ptr<void>>();
    left->push_back(std::move(object));
}

void throw_not_at_home(const std::string& doing) {
    throw Error(errc::closed, "cannot " + doing +
                                  ": it was opened in another process, before fork(); open clients and queues in the "
                                  "process that uses them");
}

}  // namespace eventy::detail
