// eventy work: how it ends, and what becomes of what runs then.
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tools/command_run.hpp"

namespace eventy::test {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

class WorkSignal : public CommandTest {
protected:
    /// Says that it runs, and ends well once a file "go" is there.
    static constexpr const char* waits_for_go =
        "echo $$ > running-$EVENTY_EVENT_ID; echo started >&2; until [ -e go ]; do sleep 0.01; done; echo done >> done";

    std::vector<std::string> work(const std::string& script, std::vector<std::string> more = {}) const {
        std::vector<std::string> arguments = {"work", "T"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        arguments.insert(arguments.end(), {"--", "sh", "-c", script});
        return words(arguments);
    }
    std::string count(const std::string& status) const { return ask({"count", "T", "--status", status}); }
    bool file_exists(const std::string& name) const { return std::filesystem::exists(folder_ + "/" + name); }
    bool child_runs(int event) const {
        const std::string pid = read_file("running-" + std::to_string(event));
        std::error_code gone;
        // A zombie is no longer running.
        const auto stat = std::filesystem::exists("/proc/" + pid.substr(0, pid.find('\n')) + "/exe", gone);
        return stat && !gone;
    }
};

TEST_F(WorkSignal, LetsRunningCommandsEndAndHandsTheRestBack) {
    for (const int number : {SIGTERM, SIGINT}) {
        std::filesystem::remove(folder_ + "/go");
        const int done_before = static_cast<int>(lines(read_file("done")).size());
        publish("T", 10);
        CommandRun worker(work(waits_for_go, {"--concurrency", "2"}), options());
        ASSERT_TRUE(worker.wait_for_errors("started\nstarted\n"));
        worker.signal(number);
        // It takes nothing more, whatever comes; what runs goes on.
        while (ask({"subscribers", "T"}) != "") {
        }
        EXPECT_EQ(count("processing"), "2");
        EXPECT_FALSE(file_exists("done") && static_cast<int>(lines(read_file("done")).size()) > done_before);
        write_file("go", "");
        const auto ended = worker.wait();
        EXPECT_EQ(ended.code, 0) << ended.err;
        EXPECT_EQ(static_cast<int>(lines(read_file("done")).size()), done_before + 2);
        EXPECT_EQ(count("processing"), "0");
        EXPECT_EQ(count("error"), "0");
    }
    EXPECT_EQ(count("processed"), "4");
    EXPECT_EQ(count("pending"), "16");
}

TEST_F(WorkSignal, AfterTheDrainTimeCommandsAreEndedAndTheirEventsHandedBack) {
    publish("T", 3);
    CommandRun worker(work(waits_for_go, {"--concurrency", "2", "--drain", "0", "--lease", "1h"}), options());
    ASSERT_TRUE(worker.wait_for_errors("started\nstarted\n"));
    worker.signal(SIGTERM);
    const auto ended = worker.wait();
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_FALSE(child_runs(1));
    EXPECT_FALSE(child_runs(2));
    EXPECT_EQ(count("pending"), "3");
    EXPECT_NE(ended.err.find("handed back "), std::string::npos) << ended.err;  // 2, or 3 when one lay ready
    // At once another worker has them, as a first attempt, though the lease was for an hour.
    EXPECT_EQ(eventy({"work", "T", "--once", "--", "sh", "-c", "test $EVENTY_ATTEMPT = 1"}).code, 0);
    EXPECT_EQ(count("processed"), "3");
}

TEST_F(WorkSignal, ACommandThatIgnoresTheRequestIsKilled) {
    publish("T", 1);
    CommandRun worker(
        work("trap '' TERM; sh -c 'echo $$ > running-2; sleep 600' & " + std::string(waits_for_go), {"--drain", "0"}),
        options());
    ASSERT_TRUE(worker.wait_for_errors("started\n"));
    while (read_file("running-2").empty()) {
        std::this_thread::yield();
    }
    worker.signal(SIGTERM);
    EXPECT_EQ(worker.wait().code, 0);
    EXPECT_FALSE(child_runs(1));
    EXPECT_FALSE(child_runs(2));  // what it had started, too
    EXPECT_EQ(count("pending"), "1");
}

TEST_F(WorkSignal, ASecondSignalKillsAtOnce) {
    publish("T", 1);
    CommandRun worker(work("trap '' TERM; " + std::string(waits_for_go), {"--drain", "10m"}), options());
    ASSERT_TRUE(worker.wait_for_errors("started\n"));
    worker.signal(SIGTERM);
    while (ask({"subscribers", "T"}) != "") {
    }
    worker.signal(SIGINT);
    EXPECT_EQ(worker.wait().code, 0);
    EXPECT_FALSE(child_runs(1));
    EXPECT_EQ(count("pending"), "1");
}

TEST_F(WorkSignal, AnIdleWorkerEndsAtOnce) {
    CommandRun worker(words({"work", "T", "--print"}), options());
    while (ask({"subscribers", "T"}) == "") {
    }
    worker.signal(SIGTERM);
    const auto ended = worker.wait();
    EXPECT_EQ(ended.code, 0);
    EXPECT_EQ(ended.out, "");
}

TEST_F(WorkSignal, EndsThoughRedisIsGone) {
    publish("T", 1);
    CommandRun worker(work(waits_for_go, {"--drain", "0", "--lease", "1h"}), options());
    ASSERT_TRUE(worker.wait_for_errors("started\n"));
    server_.kill9();
    worker.signal(SIGTERM);
    const auto ended = worker.wait();
    EXPECT_EQ(ended.code, 1);
    EXPECT_FALSE(child_runs(1));
    EXPECT_NE(ended.err.find("gave up waiting"), std::string::npos) << ended.err;
}

TEST_F(WorkSignal, AnIdleWorkerEndsWellThoughRedisIsGone) {
    CommandRun worker(words({"work", "T", "--print", "--drain", "0"}), options());
    while (ask({"subscribers", "T"}) == "") {
    }
    server_.kill9();
    worker.signal(SIGTERM);
    const auto ended = worker.wait();
    EXPECT_EQ(ended.code, 0);
    EXPECT_NE(ended.err.find("nothing had been run"), std::string::npos) << ended.err;
}

TEST_F(WorkSignal, ACommandDiesWithItsWorkerAndTheEventGoesToAnother) {
    publish("T", 1);
    CommandRun worker(work(waits_for_go, {"--lease", "1h"}), options());
    ASSERT_TRUE(worker.wait_for_errors("started\n"));
    worker.signal(SIGKILL);
    EXPECT_EQ(worker.wait().code, 128 + SIGKILL);
    while (child_runs(1)) {
        std::this_thread::yield();
    }
    end_leases();
    EXPECT_EQ(eventy({"work", "T", "--count", "1", "--", "true"}).code, 0);
    EXPECT_EQ(count("processed"), "1");
}

TEST_F(WorkSignal, ACommandWhoseLeaseWasLostIsEnded) {
    publish("T", 1);
    CommandRun worker(work("trap 'echo told > told; exit 0' TERM; " + std::string(waits_for_go), {"--lease", "3s"}),
                      options());
    ASSERT_TRUE(worker.wait_for_errors("started\n"));
    worker.signal(SIGSTOP);
    end_leases();
    const auto other = eventy({"work", "T", "--count", "1", "--", "true"});
    EXPECT_EQ(other.code, 0) << other.err;
    worker.signal(SIGCONT);
    while (child_runs(1)) {
        std::this_thread::yield();
    }
    EXPECT_EQ(read_file("told"), "told\n");
    worker.signal(SIGTERM);
    EXPECT_EQ(worker.wait().code, 0);
    EXPECT_EQ(count("processed"), "1");  // by the other one; what came late changed nothing
    EXPECT_EQ(json::parse(ask({"get", "T", "1", "--json"})).value("last_error", ""), "");
}

}  // namespace
}  // namespace eventy::test
