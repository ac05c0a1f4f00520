// What a RetryPolicy says about one failed attempt.
#pragma once
#include <eventy/retry.hpp>

namespace eventy::detail {

inline constexpr milliseconds longest_backoff = std::chrono::hours(24 * 30);

/// How long to wait after the failed `attempt` (from 1); nullopt: give up. `random` in [0, 1). What `decide` throws
/// becomes part of the error.
std::optional<milliseconds> next_attempt_after(const RetryPolicy&, int attempt, std::string& error, double random);

/// A number in [0, 1) for it, on any thread.
double random_share();

/// Throws Error(invalid_argument).
void check_policy(const RetryPolicy&);

}  // namespace eventy::detail
