#include "ledger/fault_plan.hpp"

#include <array>
#include <utility>

#include "ledger/choices.hpp"

namespace eventy::ledger {

namespace {

using std::chrono::milliseconds;

constexpr std::array<std::pair<FaultKind, int>, 11> in_the_bag = {{
    {FaultKind::kill_worker, 4},
    {FaultKind::kill_publisher, 2},
    {FaultKind::stop_worker, 2},
    {FaultKind::terminate_worker, 1},
    {FaultKind::cut, 3},
    {FaultKind::stall, 2},
    {FaultKind::silence_replies, 2},
    {FaultKind::silence_requests, 1},
    {FaultKind::client_kill, 2},
    {FaultKind::script_flush, 2},
    {FaultKind::kill_redis, 1},
}};

std::vector<FaultKind> shuffled_bag(Choices& choices) {
    std::vector<FaultKind> bag;
    for (const auto& [kind, count] : in_the_bag) {
        bag.insert(bag.end(), static_cast<std::size_t>(count), kind);
    }
    for (std::size_t i = bag.size(); i > 1; --i) {
        std::swap(bag[i - 1], bag[static_cast<std::size_t>(choices.between(0, static_cast<std::int64_t>(i) - 1))]);
    }
    return bag;
}

Fault make_fault(FaultKind kind, const PlanTerms& terms, Choices& choices) {
    Fault fault{.kind = kind};
    const auto one_of = [&](char letter, int count) { return letter + std::to_string(choices.between(1, count)); };
    const auto time = [&](std::int64_t least, std::int64_t most) { return milliseconds(choices.between(least, most)); };
    const std::int64_t lease = terms.lease.count();
    const auto one_server = [&] { return static_cast<int>(choices.between(1, terms.servers)); };
    switch (kind) {
        case FaultKind::kill_worker:
        case FaultKind::terminate_worker: fault.target = one_of('w', terms.workers); break;
        case FaultKind::kill_publisher: fault.target = one_of('p', terms.publishers); break;
        case FaultKind::stop_worker:
            fault.target = one_of('w', terms.workers);
            fault.lasts = time(lease + 300, 2 * lease);
            break;
        case FaultKind::cut:
        case FaultKind::stall:
        case FaultKind::silence_replies:
        case FaultKind::silence_requests:
            fault.target = choices.between(1, 3) == 1 ? one_of('p', terms.publishers) : one_of('w', terms.workers);
            fault.lasts = kind == FaultKind::cut ? milliseconds(0) : time(200, 2 * lease);
            fault.server = one_server();
            break;
        case FaultKind::client_kill:
        case FaultKind::script_flush: fault.server = one_server(); break;
        // Now and then for so long that the leases get their grace.
        case FaultKind::kill_redis:
            fault.lasts = choices.between(1, 5) == 1 ? time(5500, 6500) : time(0, 2500);
            fault.server = one_server();
            break;
    }
    return fault;
}

}  // namespace

std::vector<Fault> plan_faults(const PlanTerms& terms) {
    Choices choices(draw(terms.seed, "faults"));
    std::vector<Fault> plan;
    milliseconds at{1000};
    for (;;) {
        for (const auto kind : shuffled_bag(choices)) {
            auto fault = make_fault(kind, terms, choices);
            fault.at = at;
            if (at >= terms.time) {
                return plan;
            }
            at += milliseconds(choices.between(100, 400));
            if (kind == FaultKind::kill_redis) {
                at += fault.lasts + milliseconds(1500);
            }
            plan.push_back(std::move(fault));
        }
    }
}

std::string describe(const Fault& fault) {
    constexpr std::array<std::string_view, 11> words = {
        "kill -9 of",    "kill -9 of",       "SIGSTOP, then SIGCONT, of",
        "SIGTERM to",    "cut of",           "stall of",
        "no replies to", "no requests of",   "CLIENT KILL",
        "SCRIPT FLUSH",  "kill -9 of Redis",
    };
    std::string text = std::string(words.at(static_cast<std::size_t>(fault.kind)));
    text += fault.target.empty() ? "" : ' ' + fault.target;
    text += fault.server == 0 ? "" : " (r" + std::to_string(fault.server) + ')';
    if (fault.lasts.count() > 0) {
        text += " for " + std::to_string(fault.lasts.count()) + " ms";
    }
    return text;
}

}  // namespace eventy::ledger
