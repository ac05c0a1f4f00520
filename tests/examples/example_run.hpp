// Running one example to its end.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace eventy::test {

struct ExampleRun {
    int code = -1;       // 128 + the signal's number where one ended it
    std::string output;  // stdout and stderr, as they came

    bool has_line(std::string_view line) const;
    /// Whether this line is there, with anything behind it.
    bool has_line_beginning(std::string_view beginning) const;
};

/// Runs `example_<name> arguments...` with EVENTY_REDIS_URL set to `url`. After two minutes it kills the process, and
/// those that it started, and the code says so.
ExampleRun run_example(const std::string& name, const std::string& url, std::vector<std::string> arguments = {});

}  // namespace eventy::test
