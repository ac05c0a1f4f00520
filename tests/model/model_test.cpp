// MemoryStore and RedisStore against the reference model, in random histories that are shrunk when they fail.
//
// EVENTY_MODEL_SEQUENCES says how many (10,000; 1,000 under a sanitizer), EVENTY_MODEL_SEED fixes what they are. A
// failure prints RapidCheck's own words for playing it again, too: RC_PARAMS="reproduce=...".
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>

#include "model/history.hpp"

namespace eventy::test {

namespace {

#ifdef EVENTY_SANITIZED
constexpr const char* usual_sequences = "1000";
#else
constexpr const char* usual_sequences = "10000";
#endif

std::string setting(const char* name, const std::string& otherwise, const std::string& before = {}) {
    const char* const value = std::getenv(name);
    return value == nullptr || *value == '\0' ? otherwise : before + value;
}

/// RapidCheck reads its configuration from the environment, once. What the user says there goes before.
void configure() {
    const std::string seed = setting("EVENTY_MODEL_SEED", std::to_string(std::random_device()()));
    const std::string sequences = setting("EVENTY_MODEL_SEQUENCES", usual_sequences);
    const std::string parameters =
        "seed=" + seed + " max_success=" + sequences + " max_size=60" + setting("RC_PARAMS", "", " ");
    setenv("RC_PARAMS", parameters.c_str(), 1);
    std::cout << sequences << " sequences of seed " << seed << " (EVENTY_MODEL_SEQUENCES, EVENTY_MODEL_SEED)\n";
}

/// Any number below `limit`, however small the sequence is to be.
template <class Number>
rc::Gen<Number> below(int limit) {
    return rc::gen::resize(rc::kNominalSize, rc::gen::cast<Number>(rc::gen::inRange(0, limit)));
}

rc::Gen<Act> any_act() {
    return rc::gen::weightedElement<Act>({{6, Act::publish},
                                          {10, Act::take},
                                          {8, Act::settle},
                                          {3, Act::stale},
                                          {3, Act::renew},
                                          {1, Act::progress},
                                          {5, Act::pass},
                                          {1, Act::outage},
                                          {2, Act::crash},
                                          {2, Act::retry},
                                          {2, Act::discard}});
}

rc::Gen<Command> any_command() {
    using rc::gen::set;
    return rc::gen::build<Command>(
        set(&Command::act, any_act()), set(&Command::worker, below<std::uint8_t>(2)),
        set(&Command::group, below<std::uint8_t>(2)), set(&Command::pick, below<std::uint8_t>(12)),
        set(&Command::many, below<std::uint8_t>(12)), set(&Command::choice, below<std::uint8_t>(4)),
        set(&Command::length, below<std::uint8_t>(15)), set(&Command::pause, below<std::uint8_t>(2)));
}

}  // namespace

/// The story tells it better.
void showValue(const Command&, std::ostream& to) { to << "step"; }

TEST(Model, StoresAgreeWithIt) {
    configure();
    Stage stage;
    std::int64_t histories = 0, steps = 0;
    const auto begin = std::chrono::steady_clock::now();
    const bool agreed = rc::check("MemoryStore and RedisStore do what the model does", [&] {
        const int groups = 1 + *below<int>(2), at_once = 1 + *below<int>(2);
        const int max_lost_leases = *rc::gen::element(3, 2, 1);
        const auto commands = *rc::gen::container<std::vector<Command>>(any_command());
        ++histories;
        steps += static_cast<std::int64_t>(commands.size());
        try {
            History(stage, groups, at_once, max_lost_leases).play(commands);
        } catch (const Disagreement& disagreement) {
            RC_FAIL(disagreement.story);
        }
    });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::cout << histories << " histories with " << steps << " steps in " << took.count() << " s\n";
    EXPECT_TRUE(agreed);
}

}  // namespace eventy::test
