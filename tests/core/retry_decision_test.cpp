#include "core/retry_decision.hpp"

#include <gtest/gtest.h>

#include <eventy/error.hpp>
#include <limits>
#include <stdexcept>

#include "support/wordless.hpp"

namespace eventy::detail {
namespace {

using namespace std::chrono_literals;

std::optional<milliseconds> wait_after(const RetryPolicy& policy, int attempt, double random = 0) {
    std::string error = "broken";
    return next_attempt_after(policy, attempt, error, random);
}

TEST(RetryDecision, OneAttemptIsTheDefault) { EXPECT_FALSE(wait_after({}, 1)); }

TEST(RetryDecision, TheWaitGrowsUpToItsCap) {
    const RetryPolicy policy{.max_attempts = 100, .initial_backoff = 100ms, .multiplier = 3, .max_backoff = 2s};
    EXPECT_EQ(wait_after(policy, 1), 100ms);
    EXPECT_EQ(wait_after(policy, 2), 300ms);
    EXPECT_EQ(wait_after(policy, 3), 900ms);
    EXPECT_EQ(wait_after(policy, 4), 2s);
    EXPECT_EQ(wait_after(policy, 99), 2s);
    EXPECT_FALSE(wait_after(policy, 100));
    EXPECT_FALSE(wait_after(policy, 101));
}

TEST(RetryDecision, HugeAttemptNumbersDoNotOverflow) {
    const RetryPolicy policy{.max_attempts = 1'000'000, .multiplier = 100, .max_backoff = 1h};
    EXPECT_EQ(wait_after(policy, 999'999), 1h);
}

TEST(RetryDecision, JitterTakesAShareAway) {
    const RetryPolicy policy{.max_attempts = 5, .initial_backoff = 1000ms, .jitter = 0.5};
    EXPECT_EQ(wait_after(policy, 1, 0), 1000ms);
    EXPECT_EQ(wait_after(policy, 1, 0.5), 750ms);
    EXPECT_EQ(wait_after(policy, 1, 0.99), 505ms);
    RetryPolicy none = policy;
    none.jitter = 0;
    EXPECT_EQ(wait_after(none, 1, 0.999), 1000ms);
}

TEST(RetryDecision, AFunctionDecidesInsteadOfTheNumbers) {
    const RetryPolicy policy{.decide = [](int attempt, const std::string& error) -> std::optional<milliseconds> {
        if (error != "broken" || attempt > 2) {
            return std::nullopt;
        }
        return attempt * 10ms;
    }};
    EXPECT_EQ(wait_after(policy, 1), 10ms);
    EXPECT_EQ(wait_after(policy, 2), 20ms);
    EXPECT_FALSE(wait_after(policy, 3));
}

TEST(RetryDecision, WhatTheFunctionSaysIsWithinLimits) {
    EXPECT_EQ(wait_after({.decide = [](int, const std::string&) { return -1ms; }}, 1), 0ms);
    EXPECT_EQ(wait_after({.decide = [](int, const std::string&) { return milliseconds::max(); }}, 1), 24h * 30);
}

TEST(RetryDecision, AFunctionThatThrowsGivesUpAndIsToldOf) {
    const RetryPolicy policy{.decide = [](int, const std::string&) -> std::optional<milliseconds> {
        throw std::runtime_error("out of ideas");
    }};
    std::string error = "broken";
    EXPECT_FALSE(next_attempt_after(policy, 1, error, 0));
    EXPECT_EQ(error, "broken; and the retry policy threw: out of ideas");
}

TEST(RetryDecision, AFunctionMayThrowAnExceptionWithoutWords) {
    const RetryPolicy policy{
        .decide = [](int, const std::string&) -> std::optional<milliseconds> { throw eventy::test::Wordless(); }};
    std::string error = "broken";
    EXPECT_FALSE(next_attempt_after(policy, 1, error, 0));
    EXPECT_EQ(error, "broken; and the retry policy threw: an exception whose what() is a null pointer");
}

TEST(RetryDecision, RandomSharesLieInTheirRange) {
    for (int i = 0; i < 1000; ++i) {
        const double share = random_share();
        EXPECT_GE(share, 0);
        EXPECT_LT(share, 1);
    }
}

std::string refusal(const RetryPolicy& policy) {
    try {
        check_policy(policy);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), errc::invalid_argument);
        return error.what();
    }
    return {};
}

TEST(RetryDecision, RefusesWhatMakesNoSense) {
    EXPECT_EQ(refusal({}), "");
    EXPECT_EQ(refusal({.max_attempts = 0}), "retry.max_attempts is 0; it must be 1 to 1000000");
    EXPECT_EQ(refusal({.initial_backoff = -1ms}), "retry.initial_backoff is -1 ms; it must be 0 to 30 days");
    EXPECT_EQ(refusal({.multiplier = 0.5}), "retry.multiplier is 0.500000; it must be 1 to 100");
    EXPECT_NE(refusal({.multiplier = std::numeric_limits<double>::quiet_NaN()}), "");
    EXPECT_NE(refusal({.max_backoff = 24h * 31}), "");
    EXPECT_EQ(refusal({.jitter = 1.5}), "retry.jitter is 1.500000; it must be 0 to 1");
    EXPECT_EQ(refusal({.max_lost_leases = 0}), "retry.max_lost_leases is 0; it must be 1 to 1000");
}

}  // namespace
}  // namespace eventy::detail
