// Histories of docs/histories.md that need real worker processes, killed or cut off.
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <memory>

#include "tools/command_run.hpp"

namespace eventy::test {
namespace {

using namespace std::chrono_literals;

class WorkHistory : public CommandTest {
protected:
    using CommandTest::CommandTest;

    std::unique_ptr<CommandRun> start_worker(const std::string& script, std::vector<std::string> more) {
        std::vector<std::string> arguments = {"work", "T"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        arguments.insert(arguments.end(), {"--", "sh", "-c", script});
        return std::make_unique<CommandRun>(words(arguments), options());
    }
    int count(const std::string& status) const { return std::stoi(ask({"count", "T", "--status", status})); }
    /// The ids in a file with one a line, sorted.
    std::vector<int> ids_in(const std::string& name) const {
        std::vector<int> ids;
        for (const std::string& line : lines(read_file(name))) {
            ids.push_back(std::stoi(line));
        }
        std::sort(ids.begin(), ids.end());
        return ids;
    }
    bool has_failures(int id) {
        return server_.must({"HEXISTS", "eventy:events:T:" + std::to_string(id), "failures"}).integer == 1;
    }
    static bool has_ended(const CommandRun& run) {
        siginfo_t about{};  // leaves the process to be waited for
        return waitid(P_PID, static_cast<id_t>(run.pid()), &about, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               about.si_pid == run.pid();
    }
    std::int64_t server_ms() {
        const RedisValue time = server_.must({"TIME"});
        return std::stoll(time.items.at(0).text) * 1000 + std::stoll(time.items.at(1).text) / 1000;
    }
};

// One event kills whoever works on it. The others of its batch lose their leases with it, but it dies alone.
TEST_F(WorkHistory, A12OneKillerAmongThirtyTwoTakesNoOtherWithIt) {
    constexpr int many = 32, killer = 7;
    publish("T", many);
    // The innocent wait until the killer has struck twice, so that each of them has as many lost leases as it has.
    const std::string script = "if [ $EVENTY_EVENT_ID = " + std::to_string(killer) +
                               " ]; then echo $EVENTY_EVENT_ID >> struck; kill -9 $PPID; sleep 600; fi; "
                               "until [ -e go ]; do sleep 0.01; done; echo $EVENTY_EVENT_ID >> done";
    int deaths = 0;
    while (deaths < 10 && count("processed") + count("error") < many) {
        const auto worker = start_worker(script, {"--concurrency", std::to_string(many), "--lease", "300ms"});
        // Until it dies, or all the others are through.
        bool dead = false;
        while (!dead && count("processed") + count("error") < many) {
            dead = has_ended(*worker);
        }
        deaths += dead ? 1 : 0;
        if (deaths == 2) {
            write_file("go", "");
        }
    }
    EXPECT_EQ(deaths, 3);
    EXPECT_EQ(ids_in("struck"), std::vector<int>(3, killer));
    EXPECT_EQ(count("processed"), many - 1);
    EXPECT_EQ(count("error"), 1);
    EXPECT_EQ(server_.must({"HGET", "eventy:events:T:" + std::to_string(killer), "status"}).text, "ERROR");
    std::vector<int> innocent;
    for (int id = 1; id <= many; ++id) {
        if (id != killer) {
            innocent.push_back(id);
        }
    }
    EXPECT_EQ(ids_in("done"), innocent) << "each of them once";
}

// Redis is away for longer than a lease while handlers run. Whoever is back first must not take the other's events.
class WorkOutageHistory : public WorkHistory, public testing::WithParamInterface<bool> {
protected:
    WorkOutageHistory() : WorkHistory(RedisServer::Options{{}, true}) {}
};
INSTANTIATE_TEST_SUITE_P(Redis, WorkOutageHistory, testing::Bool(),
                         [](const auto& i) { return i.param ? "Killed" : "Stopped"; });

TEST_P(WorkOutageHistory, A13AnOutageLongerThanALeaseIsNoStormOfDuplicates) {
    const bool killed = GetParam();
    constexpr int many = 16;
    publish("T", many);
    const std::string script =
        "echo $EVENTY_EVENT_ID >> started; until [ -e go ]; do sleep 0.05; done; echo $EVENTY_EVENT_ID >> done";
    const std::vector<std::string> settings = {"--concurrency", "8", "--lease", "2s"};
    const auto a = start_worker(script, settings), b = start_worker(script, settings);
    while (ids_in("started").size() < many) {
        std::this_thread::sleep_for(1ms);
    }
    if (killed) {
        server_.kill9();
    } else {
        server_.pause();
    }
    std::this_thread::sleep_for(7s);  // longer than a lease, and than the 5 s from which on it counts as an outage
    if (killed) {
        server_.start();
    } else {
        server_.resume();
    }
    // Until both have been back for so long that whatever is overdue would have been taken: the grace and two looks.
    const std::int64_t back = server_ms();
    while (server_ms() < back + 5000) {
        std::this_thread::sleep_for(10ms);
    }
    EXPECT_EQ(count("processing"), many);
    write_file("go", "");
    while (count("processed") < many && count("error") == 0) {
        std::this_thread::sleep_for(10ms);
    }
    std::vector<int> all;
    for (int id = 1; id <= many; ++id) {
        all.push_back(id);
        EXPECT_FALSE(has_failures(id)) << "a lost lease was counted for event " << id;
    }
    EXPECT_EQ(ids_in("started"), all) << "none was run twice";
    EXPECT_EQ(ids_in("done"), all);
    EXPECT_EQ(server_.must({"HLEN", "eventy:held:T:default"}).integer, 0);
}

}  // namespace
}  // namespace eventy::test
