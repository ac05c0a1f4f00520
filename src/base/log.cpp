#include "base/log.hpp"

#include <atomic>
#include <cstdio>
#include <eventy/detail/words_of.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace eventy {

namespace {

using Logger = std::function<void(LogLevel, std::string_view)>;

struct Chosen {
    explicit Chosen(Logger its_call) : call(std::move(its_call)) {}
    const Logger call;
    std::atomic<bool> said_that_it_threw{false};
};

// Function-local, so that logging works before main and after it; never destroyed, so that threads which outlive main
// may still log.
struct Slot {
    std::mutex mutex;
    std::shared_ptr<Chosen> logger;
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

/// Says once for each logger that it threw.
void say_that_it_threw(Chosen& logger, const std::string& how) {
    if (!logger.said_that_it_threw.exchange(true)) {
        to_stderr(LogLevel::error, "the logger threw" + how);
    }
}

}  // namespace

void set_logger(Logger logger) {
    auto shared = logger ? std::make_shared<Chosen>(std::move(logger)) : nullptr;
    const std::lock_guard lock(slot().mutex);
    slot().logger.swap(shared);
}

namespace detail {

void log(LogLevel level, std::string_view message) {
    std::shared_ptr<Chosen> logger;
    {
        const std::lock_guard lock(slot().mutex);
        logger = slot().logger;
    }
    if (logger) {
        try {
            logger->call(level, message);
            return;
        } catch (const std::exception& error) {
            say_that_it_threw(*logger, std::string(": ") + words_of(error));
        } catch (...) {
            say_that_it_threw(*logger, " something that is no std::exception");
        }
    }
    to_stderr(level, message);
}

}  // namespace detail
}  // namespace eventy
