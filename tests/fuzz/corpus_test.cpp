// The kept inputs of the fuzzers, without a fuzzer: what once broke a property stays mended with every compiler.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "fuzz/target.hpp"

namespace eventy::fuzz {
namespace {

struct Named {
    const char* name;
    Target target;
};

class Corpus : public ::testing::TestWithParam<Named> {};

TEST_P(Corpus, BreaksNoProperty) {
    const auto folder = std::filesystem::path(EVENTY_CORPUS) / GetParam().name;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        files.push_back(entry.path());
    }
    std::ranges::sort(files);
    EXPECT_FALSE(files.empty());
    for (const auto& file : files) {
        std::ifstream stream(file, std::ios::binary);
        const std::string input{std::istreambuf_iterator<char>(stream), {}};
        try {
            GetParam().target(input);
        } catch (const std::exception& error) {
            ADD_FAILURE() << file << ": " << error.what();
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Corpus,
                         ::testing::Values(Named{"event", event}, Named{"json", json}, Named{"ndjson", ndjson},
                                           Named{"notice", notice}, Named{"page_id", page_id}, Named{"resp", resp},
                                           Named{"timestamp", timestamp}, Named{"url", url}),
                         [](const auto& i) { return i.param.name; });

}  // namespace
}  // namespace eventy::fuzz
