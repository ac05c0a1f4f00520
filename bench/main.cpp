// eventy_bench: prints what this machine does. Figures swing by 20% and more: compare ratios within one run.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "scenarios.hpp"

namespace {

using namespace eventy::bench;

int usage(int code) {
    std::printf("usage: eventy_bench [--events N] [--stored N] [--rounds N] [SCENARIO...]\n\n");
    for (const auto& scenario : scenarios()) {
        std::printf("  %-14s %s\n", scenario.name.c_str(), scenario.what.c_str());
    }
    return code;
}

void run(const Scenario& scenario, const Scale& scale, int rounds) {
    std::vector<std::vector<Measurement>> results;
    for (int round = 0; round < rounds; ++round) {
        eventy::test::RedisServer server;
        results.push_back(scenario.run(server, scale));
        if (results.back().empty()) {
            throw std::runtime_error(scenario.name + ": no figures");
        }
        for (const auto& measured : results.back()) {
            if (!(measured.value > 0 && std::isfinite(measured.value))) {
                throw std::runtime_error(scenario.name + ": " + measured.name + " is " +
                                         std::to_string(measured.value));
            }
        }
    }
    for (std::size_t i = 0; i < results.front().size(); ++i) {
        std::vector<double> values;
        for (const auto& result : results) {
            values.push_back(result[i].value);
        }
        std::sort(values.begin(), values.end());
        const auto& first = results.front()[i];
        std::printf("%-44s %12.0f %-12s (%.0f to %.0f)\n", first.name.c_str(), values[values.size() / 2],
                    first.unit.c_str(), values.front(), values.back());
        std::fflush(stdout);
    }
}

}  // namespace

int main(int argc, char** argv) {
    Scale scale;
    int rounds = 3;
    std::vector<std::string> wanted;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const bool has_value = i + 1 < argc;
        if (word == "--events" && has_value) {
            scale.events = std::max(1000, std::atoi(argv[++i]));
        } else if (word == "--stored" && has_value) {
            scale.stored = std::max(1000, std::atoi(argv[++i]));
        } else if (word == "--rounds" && has_value) {
            rounds = std::max(1, std::atoi(argv[++i]));
        } else if (word.starts_with("-")) {
            return usage(word == "--help" ? 0 : 2);
        } else {
            wanted.push_back(word);
        }
    }
    try {
        for (const auto& scenario : scenarios()) {
            if (wanted.empty() || std::find(wanted.begin(), wanted.end(), scenario.name) != wanted.end()) {
                run(scenario, scale, scenario.name.starts_with("reading") ? 1 : rounds);
            }
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "eventy_bench: %s\n", error.what());
        return 1;
    }
    return 0;
}
