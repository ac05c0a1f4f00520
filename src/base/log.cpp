#include "base/log.hpp"

#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

namespace eventy {

namespace {

using Logger = std::function<void(LogLevel, std::string_view)>;

// Function-local, so that logging works before main and after it; never destroyed, so that threads which outlive main
// may still log.
struct Slot {
    std::mutex mutex;
    std::shared_ptr<const Logger> logger;
};

Slot& slot() {
    static Slot* const the_slot = new Slot;
    return *the_slot;
}

void to_stderr(LogLevel level, std::string_view message) {
    if (level < LogLevel::warning) {
        return;
    }
    std::string line = level == LogLevel::warning ? "eventy: warning: " : "eventy: error: ";
    line.append(message).push_back('\n');
    std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

void set_logger(Logger logger) {
    auto shared = logger ? std::make_shared<const Logger>(std::move(logger)) : nullptr;
    const std::lock_guard lock(slot().mutex);
    slot().logger.swap(shared);
}

namespace detail {

void log(LogLevel level, std::string_view message) {
    std::shared_ptr<const Logger> logger;
    {
        const std::lock_guard lock(slot().mutex);
        logger = slot().logger;
    }
    if (logger) {
        (*logger)(level, message);
    } else {
        to_stderr(level, message);
    }
}

}  // namespace detail
}  // namespace eventy
