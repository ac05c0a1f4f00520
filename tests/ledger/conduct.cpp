#include "ledger/conduct.hpp"

#include <string>

#include "ledger/choices.hpp"

namespace eventy::ledger {

namespace {

struct Shares {
    // Of 10,000 tokens, whoever handles them.
    int kills_always, slow_to_the_end, slow;
    // Of 10,000 of all other calls.
    int fails, asks_for_retry, rejects, crashes, hangs, hangs_deaf;
};

constexpr Shares usual = {.kills_always = 2,
                          .slow_to_the_end = 100,
                          .slow = 100,
                          .fails = 200,
                          .asks_for_retry = 60,
                          .rejects = 20,
                          .crashes = 8,
                          .hangs = 10,
                          .hangs_deaf = 6};
constexpr Shares of_the_long_group = {.kills_always = 1,
                                      .slow_to_the_end = 200,
                                      .slow = 50,
                                      .fails = 100,
                                      .asks_for_retry = 30,
                                      .rejects = 10,
                                      .crashes = 3,
                                      .hangs = 10,
                                      .hangs_deaf = 6};
/// Of each fate enough, though there are few of them.
constexpr Shares of_flashes = {.kills_always = 20,
                               .slow_to_the_end = 400,
                               .slow = 200,
                               .fails = 1500,
                               .asks_for_retry = 500,
                               .rejects = 500,
                               .crashes = 20,
                               .hangs = 20,
                               .hangs_deaf = 10};

const Shares& shares_of(const GroupOfType& group) {
    return group.type == Flash::event_name ? of_flashes : group.group == long_group ? of_the_long_group : usual;
}

}  // namespace

Conduct conduct_for(std::uint64_t seed, std::string_view token, int attempt, std::string_view worker,
                    const GroupOfType& group) {
    if (token.starts_with(feeder)) {
        return Conduct::quick;
    }
    const Shares& shares = shares_of(group);
    int chance = 0;
    const auto falls_into = [&chance](int share) { return (chance -= share) < 0; };
    const auto draw_from = [&](const std::string& words) { chance = static_cast<int>(draw(seed, words) % 10000); };
    const std::string of_token = std::string(token) + '/' + std::string(group.group);
    // Slow for every worker, so that a zombie meets the one who has its event now.
    draw_from(of_token);
    if (falls_into(shares.kills_always)) {
        return Conduct::kills_always;
    }
    if (falls_into(shares.slow_to_the_end)) {
        return Conduct::slow_to_the_end;
    }
    if (falls_into(shares.slow)) {
        return Conduct::slow;
    }
    draw_from(of_token + ' ' + std::to_string(attempt) + ' ' + std::string(worker));
    if (falls_into(shares.fails)) {
        return Conduct::fails;
    }
    if (falls_into(shares.asks_for_retry)) {
        return Conduct::asks_for_retry;
    }
    if (falls_into(shares.rejects)) {
        return Conduct::rejects;
    }
    if (falls_into(shares.crashes)) {
        return Conduct::crashes;
    }
    if (falls_into(shares.hangs)) {
        return Conduct::hangs;
    }
    if (falls_into(shares.hangs_deaf)) {
        return Conduct::hangs_deaf;
    }
    return Conduct::quick;
}

}  // namespace eventy::ledger
