// eventy types: the registry.
#include "command.hpp"
#include "output.hpp"

namespace eventy::cli {

namespace {

int run(const Common& common) {
    const QueueManager manager = open_manager(common);
    for (const auto& type : manager.get_queue_types()) {
        print((common.json ? JsonObject().text("type", type).str() : printable(type)) + "\n");
    }
    return exit_ok;
}

}  // namespace

void add_types(CommandLine& line) {
    auto common = std::make_shared<Common>();
    CLI::App* const sub = line.add("types", "List the registered event types", *common,
                                   "eventy types\neventy types --prefix myapp --json");
    sub->callback([&line, common] { line.run = [common] { return run(*common); }; });
}

}  // namespace eventy::cli
