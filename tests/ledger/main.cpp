// The ledger: proves the queue by killing things. See docs/ledger.md, or --help.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>

#include "ledger/audit.hpp"
#include "ledger/experiment.hpp"
#include "ledger/fault_plan.hpp"
#include "ledger/options.hpp"
#include "ledger/report.hpp"
#include "ledger/roles.hpp"

namespace {

using namespace eventy::ledger;

void print_plan(const Options& options) {
    for (const auto& fault : plan_faults({.seed = options.seed,
                                          .time = std::chrono::seconds(options.seconds),
                                          .lease = options.terms.lease,
                                          .publishers = options.publishers,
                                          .workers = options.workers,
                                          .servers = options.servers})) {
        std::printf("%8.3f s  %s\n", static_cast<double>(fault.at.count()) / 1000, describe(fault).c_str());
    }
}

std::string make_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "eventy-ledger-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
        throw std::runtime_error("cannot make a folder like " + name);
    }
    return name;
}

/// Whether every must holds.
bool tell(const Evidence& evidence, const Options& options) {
    const Verdict verdict = audit(evidence);
    std::printf("%s", make_table(verdict, options.terms).c_str());
    if (!verdict.findings.empty()) {
        std::printf("%s", tell_findings(verdict, evidence).c_str());
        std::printf("\nThe choices again: eventy_ledger %s\n", to_command_line(options).c_str());
    }
    return verdict.findings.empty();
}

int tell_result(bool holds) {
    std::printf("\n%s\n", holds ? "Every must holds." : "A must is broken.");
    return holds ? 0 : 1;
}

int run_and_report(const Options& options) {
    const std::string folder = make_folder();
    std::printf("ledger: %s\n", to_command_line(options).c_str());
    std::fflush(stdout);
    Evidence evidence;
    try {
        evidence = run_experiment(options, folder);
    } catch (...) {
        std::fprintf(stderr, "The ledger's files, and Redis's, are in %s\n", folder.c_str());
        throw;
    }
    const bool holds = tell(evidence, options);
    if (holds && !options.keep) {
        std::filesystem::remove_all(folder);
    } else {
        std::printf(
            "The ledger's files, and Redis's (r1.aof ...), are in %s; judge them again: eventy_ledger %s --judge %s\n",
            folder.c_str(), to_command_line(options).c_str(), folder.c_str());
    }
    return tell_result(holds);
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse_options(argc, argv);
    try {
        if (options.role == "publisher") {
            return run_publisher(options);
        }
        if (options.role == "worker") {
            return run_worker(options);
        }
        if (options.plan_only) {
            print_plan(options);
            return 0;
        }
        if (!options.judge.empty()) {
            return tell_result(tell(read_kept(options, options.judge), options));
        }
        return run_and_report(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "eventy_ledger: %s\n", error.what());
        return 2;
    }
}
