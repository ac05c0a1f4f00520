#include "core/retry_decision.hpp"

#include <algorithm>
#include <cmath>
#include <eventy/detail/words_of.hpp>
#include <eventy/error.hpp>
#include <random>

namespace eventy::detail {

namespace {

void refuse_policy(const std::string& message) { throw Error(errc::invalid_argument, "retry." + message); }

void check_backoff(const char* name, milliseconds value) {
    if (value < milliseconds(0) || value > longest_backoff) {
        refuse_policy(name + (" is " + std::to_string(value.count())) + " ms; it must be 0 to 30 days");
    }
}

std::optional<milliseconds> ask(const RetryPolicy& policy, int attempt, std::string& error) {
    try {
        const auto wait = policy.decide(attempt, error);
        return wait ? std::optional(std::clamp(*wait, milliseconds(0), longest_backoff)) : std::nullopt;
    } catch (const std::exception& thrown) {
        error += std::string("; and the retry policy threw: ") + words_of(thrown);
    } catch (...) {
        error += "; and the retry policy threw something that is no std::exception";
    }
    return std::nullopt;
}

}  // namespace

std::optional<milliseconds> next_attempt_after(const RetryPolicy& policy, int attempt, std::string& error,
                                               double random) {
    if (policy.decide) {
        return ask(policy, attempt, error);
    }
    if (attempt >= policy.max_attempts) {
        return std::nullopt;
    }
    const double grown =
        static_cast<double>(policy.initial_backoff.count()) * std::pow(policy.multiplier, std::max(attempt - 1, 0));
    const double wait = std::min(grown, static_cast<double>(policy.max_backoff.count()));
    return milliseconds(std::llround(wait * (1 - policy.jitter * random)));
}

double random_share() {
    thread_local std::minstd_rand generator{std::random_device()()};
    return std::uniform_real_distribution<double>(0, 1)(generator);
}

void check_policy(const RetryPolicy& policy) {
    if (policy.max_attempts < 1 || policy.max_attempts > 1'000'000) {
        refuse_policy("max_attempts is " + std::to_string(policy.max_attempts) + "; it must be 1 to 1000000");
    }
    check_backoff("initial_backoff", policy.initial_backoff);
    check_backoff("max_backoff", policy.max_backoff);
    if (!(policy.multiplier >= 1 && policy.multiplier <= 100)) {
        refuse_policy("multiplier is " + std::to_string(policy.multiplier) + "; it must be 1 to 100");
    }
    if (!(policy.jitter >= 0 && policy.jitter <= 1)) {
        refuse_policy("jitter is " + std::to_string(policy.jitter) + "; it must be 0 to 1");
    }
    if (policy.max_lost_leases < 1 || policy.max_lost_leases > 1000) {
        refuse_policy("max_lost_leases is " + std::to_string(policy.max_lost_leases) + "; it must be 1 to 1000");
    }
}

}  // namespace eventy::detail
