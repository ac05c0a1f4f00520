// What is measured, each on a private redis-server.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "support/redis_server.hpp"

namespace eventy::bench {

struct Measurement {
    std::string name;
    double value = 0;
    std::string unit;  // "events/s", "us"
};

struct Scale {
    std::int64_t events = 100'000;    // of the throughput scenarios
    std::int64_t stored = 1'000'000;  // of the reading scenarios
};

struct Scenario {
    std::string name;
    std::string what;
    std::function<std::vector<Measurement>(test::RedisServer&, const Scale&)> run;
};

const std::vector<Scenario>& scenarios();

}  // namespace eventy::bench
