// The command line of the ledger program.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ledger/terms.hpp"

namespace eventy::ledger {

struct Options {
    std::uint64_t seed = 0;
    int seconds = 60;
    int events = 8000;
    int publishers = 3;
    int workers = 4;
    int servers = 2;
    bool everysec = false;
    bool keep = false;
    std::string judge = {};  // a folder with the files of a run that is over
    bool plan_only = false;
    Terms terms = {};

    // A role that the program runs itself in; empty for the experiment itself.
    std::string role = {};
    std::string name = {};
    std::string folder = {};
    std::vector<int> ports = {};   // the way to each server
    std::int64_t rests_until = 0;  // of the machine's steady clock, in us: from then on a worker takes all types
    int first = 0;                 // number of a publisher's first event
    int count = 0;                 // how many it publishes
};

/// Ends the program for --help and for wrong options.
Options parse_options(int argc, char** argv);

/// The options that repeat the choices of a run.
std::string to_command_line(const Options&);

}  // namespace eventy::ledger
