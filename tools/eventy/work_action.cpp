#include "work_action.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <eventy/subscriber.hpp>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <utility>

#include "child_process.hpp"
#include "output.hpp"

namespace eventy::cli {

namespace {

constexpr std::size_t longest_reason = 4096;  // what the library keeps

std::string trimmed(std::string text) {
    text.erase(text.find_last_not_of(" \t\r\n") + 1);
    return text;
}

/// The end of `text`, from the beginning of a character on.
std::string tail(const std::string& text, std::size_t size) {
    if (text.size() <= size) {
        return text;
    }
    std::size_t begin = text.size() - size;
    while (begin < text.size() && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) {
        ++begin;
    }
    return text.substr(begin);
}

std::string reason(const ChildOutcome& outcome) {
    const std::string how = outcome.how == ChildOutcome::How::killed
                                ? "killed by signal " + std::to_string(outcome.number)
                                : "exit status " + std::to_string(outcome.number);
    const std::string errors = trimmed(outcome.errors);
    return errors.empty() ? how : how + ": " + tail(errors, longest_reason - how.size() - 2);
}

/// As the library waits after the failed attempt, whose limit of attempts does not count here.
milliseconds backoff(const RetryPolicy& policy, int attempt) {
    thread_local std::minstd_rand generator{std::random_device()()};
    const double share = std::uniform_real_distribution<double>(0, policy.jitter)(generator);
    const double grown =
        static_cast<double>(policy.initial_backoff.count()) * std::pow(policy.multiplier, std::max(attempt - 1, 0));
    return milliseconds(std::llround(std::min(grown, static_cast<double>(policy.max_backoff.count())) * (1 - share)));
}

class CommandAction final : public WorkAction {
public:
    CommandAction(std::string type, std::vector<std::string> command, RetryPolicy policy)
        : type_(std::move(type)),
          program_(std::move(command)),
          policy_(std::move(policy)),
          environment_(environment_without({"EVENTY_EVENT_ID", "EVENTY_EVENT_TYPE", "EVENTY_ATTEMPT",
                                            "EVENTY_CREATED_AT", "EVENTY_EPOCH", "EVENTY_KEY"})) {}

    void run(const QueueEvent<std::string>& event, Context& context) override {
        std::stop_source stop;
        const std::stop_callback ending(stop_.get_token(), [&] { stop.request_stop(); });
        const std::stop_callback lost(context.stop_token(), [&] { stop.request_stop(); });
        const auto outcome =
            run_child(program_, environment(event, context), event.payload, stop.get_token(), kill_.get_token());
        if (outcome.how == ChildOutcome::How::not_started) {
            throw Unusable("cannot run " + program_.path() + ": " + std::strerror(outcome.number));
        }
        if (outcome.how == ChildOutcome::How::exited && outcome.number == 0) {
            return;
        }
        if (stop_.stop_requested() || kill_.stop_requested()) {
            throw HandBack();
        }
        const bool exited = outcome.how == ChildOutcome::How::exited;
        if (exited && outcome.number == status_for_retry) {
            throw Retry{.after = backoff(policy_, context.attempt()), .reason = reason(outcome)};
        }
        if (exited && outcome.number == status_for_reject) {
            throw Reject{.reason = reason(outcome)};
        }
        throw std::runtime_error(reason(outcome));
    }

    void stop() override { stop_.request_stop(); }
    void kill() override { kill_.request_stop(); }

private:
    std::vector<std::string> environment(const QueueEvent<std::string>& event, const Context& context) const {
        auto all = environment_;
        all.push_back("EVENTY_EVENT_ID=" + std::to_string(event.id));
        all.push_back("EVENTY_EVENT_TYPE=" + type_);
        all.push_back("EVENTY_ATTEMPT=" + std::to_string(context.attempt()));
        all.push_back("EVENTY_CREATED_AT=" + to_string(event.created_at));
        all.push_back("EVENTY_EPOCH=" + std::to_string(context.epoch()));
        all.push_back("EVENTY_KEY=" + event.key);
        return all;
    }

    std::string type_;
    Program program_;
    RetryPolicy policy_;
    std::vector<std::string> environment_;
    std::stop_source stop_, kill_;
};

class PrintAction final : public WorkAction {
public:
    explicit PrintAction(std::string type) : type_(std::move(type)) {}

    void run(const QueueEvent<std::string>& event, Context&) override {
        const std::string line = event_as_json(type_, event) + "\n";
        const std::lock_guard lock(mutex_);
        std::string_view left = line;
        while (!left.empty()) {
            const ssize_t count = write(STDOUT_FILENO, left.data(), left.size());
            if (count >= 0) {
                left.remove_prefix(static_cast<std::size_t>(count));
            } else if (errno != EINTR) {
                throw Unusable(std::string("cannot write to stdout: ") + std::strerror(errno));
            }
        }
    }

private:
    std::string type_;
    std::mutex mutex_;
};

}  // namespace

std::unique_ptr<WorkAction> make_command_action(std::string type, std::vector<std::string> command,
                                                RetryPolicy policy) {
    return std::make_unique<CommandAction>(std::move(type), std::move(command), std::move(policy));
}

std::unique_ptr<WorkAction> make_print_action(std::string type) {
    return std::make_unique<PrintAction>(std::move(type));
}

}  // namespace eventy::cli
