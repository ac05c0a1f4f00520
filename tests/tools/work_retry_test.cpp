// eventy work: attempts, what a command's exit status decides, and commands that do not end.
#include <algorithm>
#include <csignal>
#include <eventy/timestamp.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "tools/command_run.hpp"

namespace eventy::test {
namespace {

using nlohmann::json;

class WorkRetries : public CommandTest {
protected:
    json get(int id) const { return json::parse(ask({"get", "T", std::to_string(id), "--json"})); }
    std::string status(int id) const { return get(id).at("status"); }
    /// Runs `script` by sh for each event until none of now is left.
    CommandRun::Ended work(const std::string& script, std::vector<std::string> more) const {
        std::vector<std::string> arguments = {"work", "T", "--once"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        if (std::find(more.begin(), more.end(), "--backoff") == more.end()) {
            arguments.insert(arguments.end(), {"--backoff", "1ms"});
        }
        arguments.insert(arguments.end(), {"--", "sh", "-c", script});
        return eventy(arguments);
    }
    /// Waits until the process whose id stands in this line runs no more; a zombie does not run.
    static bool ends(const std::string& pid) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        std::error_code error;
        while (std::filesystem::exists("/proc/" + std::to_string(std::stoi(pid)) + "/exe", error) && !error) {
            if (std::chrono::steady_clock::now() > deadline) {
                return false;
            }
            std::this_thread::yield();
        }
        return true;
    }
};

TEST_F(WorkRetries, AFailedAttemptIsMadeAgainWhileThereAreSomeLeft) {
    publish("T", 2);
    const auto ended = work(
        "echo $EVENTY_EVENT_ID.$EVENTY_ATTEMPT >> ran; echo no stock >&2;"
        " test $EVENTY_EVENT_ID.$EVENTY_ATTEMPT = 1.2",
        {"--max-attempts", "3", "--concurrency", "1"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    const auto ran = lines(read_file("ran"));
    EXPECT_EQ(std::multiset<std::string>(ran.begin(), ran.end()),
              (std::multiset<std::string>{"1.1", "1.2", "2.1", "2.2", "2.3"}));
    EXPECT_EQ(status(1), "PROCESSED");
    EXPECT_EQ(get(1).at("failures").size(), 1U);
    EXPECT_EQ(status(2), "ERROR");
    const auto failures = get(2).at("failures");
    ASSERT_EQ(failures.size(), 3U);
    EXPECT_EQ(failures[2].at("attempt"), 3);
    EXPECT_EQ(failures[2].at("group"), "default");
    EXPECT_EQ(failures[2].at("error"), "exit status 1: no stock");
    EXPECT_EQ(failures[2].at("worker_id"), get(2).at("processed_by"));
    // The same for people.
    const std::string text = ask({"get", "T", "2"});
    EXPECT_NE(text.find("\nfailed:       attempt 2, " + failures[1].at("at").get<std::string>() + ", default on " +
                        failures[1].at("worker_id").get<std::string>() + ": exit status 1: no stock\n"),
              std::string::npos)
        << text;
}

TEST_F(WorkRetries, OneAttemptIsTheDefault) {
    publish("T", 1);
    EXPECT_EQ(work("echo x >> ran; exit 1", {}).code, 0);
    EXPECT_EQ(read_file("ran"), "x\n");
    EXPECT_EQ(status(1), "ERROR");
}

TEST_F(WorkRetries, ExitStatus75AsksForARetryWhateverAttemptsAreLeft) {
    publish("T", 1);
    const auto ended = work("echo not yet >&2; test $EVENTY_ATTEMPT = 4 || exit 75", {"--max-attempts", "2"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_EQ(status(1), "PROCESSED");
    EXPECT_EQ(get(1).at("attempt"), 4);
    EXPECT_EQ(get(1).at("failures").at(0).at("error"), "exit status 75: not yet");
}

TEST_F(WorkRetries, ExitStatus65RejectsWhateverAttemptsAreLeft) {
    publish("T", 1);
    EXPECT_EQ(work("echo x >> ran; echo no such customer >&2; exit 65", {"--max-attempts", "5"}).code, 0);
    EXPECT_EQ(read_file("ran"), "x\n");
    EXPECT_EQ(status(1), "ERROR");
    EXPECT_EQ(get(1).at("last_error"), "exit status 65: no such customer");
}

TEST_F(WorkRetries, TheBackoffIsWaitedFor) {
    publish("T", 1);
    auto run = CommandRun(words({"work", "T", "--max-attempts", "2", "--backoff", "1h", "--max-backoff", "30m", "--",
                                 "sh", "-c", "echo no stock >&2; exit $EVENTY_ATTEMPT"}),
                          options());
    while (!get(1).contains("failures")) {
    }
    EXPECT_EQ(status(1), "PENDING");
    EXPECT_NE(ask({"search", "T", "--status", "pending"}).find("<- exit status 1: no stock"), std::string::npos);
    // Half of the longest backoff to all of it, by the server's clock.
    const double due = std::stod(server_.must({"ZSCORE", "eventy:delayed:T:default", "1"}).text);
    const auto failed_at = parse_timestamp(get(1).at("failures").at(0).at("at").get<std::string>());
    ASSERT_TRUE(failed_at);
    const double wait = due - std::chrono::duration<double, std::milli>(*failed_at - Timestamp()).count();
    EXPECT_GE(wait, 15 * 60'000 - 10);
    EXPECT_LE(wait, 30 * 60'000 + 10);
    // A retry by hand need not wait; it is the second attempt still.
    EXPECT_EQ(ask({"retry", "T", "1"}), "event 1 of T was taken up again");
    while (status(1) != "ERROR") {
    }
    EXPECT_EQ(get(1).at("last_error"), "exit status 2: no stock");
    run.signal(SIGTERM);
    EXPECT_EQ(run.wait().code, 0);
}

TEST_F(WorkRetries, ACommandThatTakesTooLongIsEndedWithAllThatItStarted) {
    publish("T", 1);
    const auto ended = work("echo $$ >> ran; test $EVENTY_ATTEMPT = 1 || exit 0; sleep 600 & echo $! > sleeper; wait",
                            {"--max-attempts", "2", "--handler-timeout", "1s"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_EQ(status(1), "PROCESSED");
    EXPECT_EQ(get(1).at("attempt"), 2);
    ASSERT_EQ(get(1).at("failures").size(), 1U);
    EXPECT_EQ(get(1).at("failures").at(0).at("error"), "the handler ran longer than the handler_timeout of 1000 ms");
    EXPECT_TRUE(ends(read_file("sleeper"))) << "the whole process group was ended";
    EXPECT_TRUE(ends(lines(read_file("ran")).at(0)));
}

TEST_F(WorkRetries, ACommandThatIgnoresSigtermIsKilledAndItsOutcomeDoesNotCount) {
    publish("T", 1);
    const auto ended = work("trap '' TERM; echo $$ > pid; while :; do sleep 0.05; done", {"--handler-timeout", "1s"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_EQ(status(1), "ERROR");
    EXPECT_EQ(get(1).at("last_error"), "the handler ran longer than the handler_timeout of 1000 ms");
    EXPECT_EQ(get(1).at("failures").size(), 1U) << "how it ended then is nothing that counts";
    EXPECT_TRUE(ends(read_file("pid")));
}

TEST_F(WorkRetries, ADiscardedEventsCommandIsEnded) {
    publish("T", 1);
    CommandRun run(words({"work", "T", "--lease", "1s", "--count", "1", "--", "sh", "-c",
                          "trap 'echo told > told; exit 0' TERM; echo x > begun; while :; do sleep 0.02; done"}),
                   options());
    while (read_file("begun").empty()) {
    }
    EXPECT_EQ(ask({"discard", "T", "1"}), "event 1 of T was discarded");
    EXPECT_EQ(run.wait().code, 0);
    EXPECT_EQ(read_file("told"), "told\n");
    EXPECT_EQ(status(1), "ERROR") << "its exit status 0 does not count";
    EXPECT_EQ(get(1).at("last_error"), "discarded by hand");
}

TEST_F(WorkRetries, OnceWaitsForFurtherAttemptsAlsoWhileOthersPublish) {
    publish("T", 3);
    // Each first attempt publishes a newer event.
    const std::string script =
        "test $EVENTY_EVENT_ID -gt 3 && exit 0; test $EVENTY_ATTEMPT = 3 && exit 0;"
        "echo 9 | " +
        std::string(EVENTY_COMMAND) + " publish T > /dev/null; exit 1";
    const auto ended = work(script, {"--max-attempts", "3", "--concurrency", "1", "--backoff", "30ms"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    for (const int id : {1, 2, 3}) {
        EXPECT_EQ(status(id), "PROCESSED") << id;
    }
}

TEST_F(WorkRetries, WrongValuesAreRefused) {
    for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--max-attempts", "0"},
                                                  {"--max-attempts", "1000001"},
                                                  {"--max-attempts", "many"},
                                                  {"--backoff", "10"},
                                                  {"--backoff", "31d"},
                                                  {"--max-backoff", "31d"},
                                                  {"--handler-timeout", "31d"}}) {
        const auto ended = work("true", wrong);
        EXPECT_EQ(ended.code, 2) << wrong[0] << ' ' << wrong[1] << ": " << ended.err;
        EXPECT_TRUE(ended.err.starts_with("eventy: ")) << ended.err;
    }
}

}  // namespace
}  // namespace eventy::test
