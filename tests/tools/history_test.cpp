// Histories of docs/histories.md that need real worker processes, killed or cut off.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>

#include "tools/command_run.hpp"

namespace eventy::test {
namespace {

using namespace std::chrono_literals;

class WorkHistory : public CommandTest {
protected:
    explicit WorkHistory(RedisServer::Options options = {}) : CommandTest(std::move(options)) {
        EXPECT_EQ(mkfifo((folder_ + "/gate").c_str(), 0600), 0);
    }
    ~WorkHistory() override {
        if (gate_ >= 0) {
            close(gate_);
        }
    }

    /// A handler's way to wait for `open_gate`: it blocks in opening a pipe that nobody writes to, so that many of them
    /// take no processor from the workers.
    static constexpr const char* waits_at_gate = ": < gate; ";
    void open_gate() { gate_ = open((folder_ + "/gate").c_str(), O_RDWR | O_CLOEXEC); }

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
    /// Whether no event is leased or delayed.
    bool none_held() { return server_.must({"HLEN", "eventy:held:T:default"}).integer == 0; }

private:
    int gate_ = -1;
};

// One event kills whoever works on it. The others of its batch lose their leases with it, but it dies alone.
TEST_F(WorkHistory, A12OneKillerAmongThirtyTwoTakesNoOtherWithIt) {
    constexpr int many = 32, killer = 7;
    publish("T", many);
    // The innocent wait until the killer has struck twice, so that each of them has as many lost leases as it has.
    // `exec`: what outlived the killer would keep the worker's output open.
    const std::string script = "if [ $EVENTY_EVENT_ID = " + std::to_string(killer) +
                               " ]; then echo $EVENTY_EVENT_ID >> struck; kill -9 $PPID; exec sleep 600; fi; " +
                               waits_at_gate + "echo $EVENTY_EVENT_ID >> done";
    int deaths = 0;
    bool through = false;
    while (deaths < 10 && !through) {
        const auto worker = start_worker(script, {"--concurrency", std::to_string(many), "--lease", "1h"});
        bool dead = false;
        ASSERT_TRUE(eventually([&] {
            dead = has_ended(*worker);
            through = !dead && !ids_in("struck").empty() && none_held();
            return dead || through;
        }));
        if (dead) {
            ++deaths;
            end_leases();
        }
        if (deaths == 2) {
            open_gate();
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
    std::int64_t server_ms() {
        const RedisValue time = server_.must({"TIME"});
        return std::stoll(time.items.at(0).text) * 1000 + std::stoll(time.items.at(1).text) / 1000;
    }
    std::int64_t earliest_lease_end() {
        return std::stoll(server_.must({"ZRANGE", "eventy:leases:T:default", "0", "0", "WITHSCORES"}).items.at(1).text);
    }
};
INSTANTIATE_TEST_SUITE_P(Redis, WorkOutageHistory, testing::Bool(),
                         [](const auto& i) { return i.param ? "Killed" : "Stopped"; });

TEST_P(WorkOutageHistory, A13AnOutageLongerThanALeaseIsNoStormOfDuplicates) {
    const bool killed = GetParam();
    constexpr int many = 16;
    publish("T", many);
    const std::string script =
        std::string("echo $EVENTY_EVENT_ID >> started; ") + waits_at_gate + "echo $EVENTY_EVENT_ID >> done";
    const std::vector<std::string> settings = {"--concurrency", "8", "--lease", "2s"};
    const auto a = start_worker(script, settings), b = start_worker(script, settings);
    ASSERT_TRUE(eventually([&] { return ids_in("started").size() >= many; }));
    if (killed) {
        server_.kill9();
    } else {
        server_.pause();
    }
    // Longer than a lease, than a command waits, and than the 5 s from which on it counts as an outage.
    const auto until = std::chrono::steady_clock::now() + 7s;
    ASSERT_TRUE(eventually([&] { return std::chrono::steady_clock::now() >= until; }));
    if (killed) {
        server_.start();
    } else {
        server_.resume();
    }
    // Until each lease was renewed so late that whatever is overdue would have been taken: after the grace and two
    // looks.
    const std::int64_t back = server_ms();
    ASSERT_TRUE(eventually([&] { return earliest_lease_end() > back + 3500 + 2000; }));
    EXPECT_EQ(count("processing"), many);
    open_gate();
    ASSERT_TRUE(eventually([&] { return none_held(); }));
    EXPECT_EQ(count("processed"), many);
    std::vector<int> all;
    for (int id = 1; id <= many; ++id) {
        all.push_back(id);
        EXPECT_FALSE(has_failures(id)) << "a lost lease was counted for event " << id;
    }
    EXPECT_EQ(ids_in("started"), all) << "none was run twice";
    EXPECT_EQ(ids_in("done"), all);
}

}  // namespace
}  // namespace eventy::test
