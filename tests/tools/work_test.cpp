// eventy work: what a command gets, what becomes of its event, and the limits.
#include <csignal>
#include <nlohmann/json.hpp>
#include <set>

#include "tools/command_run.hpp"

namespace eventy::test {
namespace {

using nlohmann::json;

class WorkCommand : public CommandTest {
protected:
    json get(int id) const { return json::parse(ask({"get", "T", std::to_string(id), "--json"})); }
    /// Runs `script` by sh for each event until none is left.
    CommandRun::Ended work(const std::string& script, std::vector<std::string> more = {"--once"}) const {
        std::vector<std::string> arguments = {"work", "T"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        arguments.insert(arguments.end(), {"--", "sh", "-c", script});
        return eventy(arguments);
    }
    std::string count(const std::string& status) const { return ask({"count", "T", "--status", status}); }
};

TEST_F(WorkCommand, GivesThePayloadAndTheEnvironment) {
    ask({"publish", "T", "--key", "k=1"}, "{\"a\":  1}\n");
    const auto ended = work("cat > payload; env | grep ^EVENTY_ | sort > environment");
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_EQ(read_file("payload"), "{\"a\":  1}");
    const std::string environment = read_file("environment");
    for (const std::string& line :
         {std::string("EVENTY_EVENT_ID=1"), std::string("EVENTY_EVENT_TYPE=T"), std::string("EVENTY_ATTEMPT=1"),
          std::string("EVENTY_KEY=k=1"), "EVENTY_CREATED_AT=" + get(1).at("created_at").get<std::string>()}) {
        EXPECT_NE(environment.find(line + "\n"), std::string::npos) << line << " in\n" << environment;
    }
    EXPECT_NE(environment.find("EVENTY_EPOCH="), std::string::npos);
    EXPECT_EQ(get(1).at("status"), "PROCESSED");
    EXPECT_EQ(ended.err.substr(0, ended.err.find(" in ")), "eventy: handled 1 event of T");
}

TEST_F(WorkCommand, OnceHandlesEventsThatAreNotInTheIndex) {
    publish("T", 3);
    server_.must({"DEL", "eventy:index:T"});
    const auto ended = work("echo $EVENTY_EVENT_ID >> ran");
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_NE(ended.err.find("handled 3 events of T"), std::string::npos) << ended.err;
    EXPECT_EQ(count("processed"), "3");
}

TEST_F(WorkCommand, AFailingCommandMakesTheEventErrorWithTheEndOfItsStderr) {
    publish("T", 4);
    const auto ended = work(
        "case $EVENTY_EVENT_ID in"
        " 1) echo out; echo 'no stock' >&2; exit 3;;"
        " 2) kill -9 $$;;"
        " 3) i=0; while [ $i -lt 2000 ]; do echo \"line $i\" >&2; i=$((i+1)); done; exit 1;;"
        " esac");
    EXPECT_EQ(ended.code, 0) << ended.err;  // the worker did its work; the events tell the rest
    EXPECT_EQ(get(1).at("last_error"), "exit status 3: no stock");
    EXPECT_EQ(get(2).at("last_error"), "killed by signal 9");
    const std::string reason = get(3).at("last_error");
    EXPECT_TRUE(reason.starts_with("exit status 1: ")) << reason;
    EXPECT_TRUE(reason.ends_with("line 1998\nline 1999"));
    EXPECT_GT(reason.size(), 4000U);
    EXPECT_LE(reason.size(), 4096U);
    EXPECT_EQ(count("error"), "3");
    EXPECT_EQ(count("processed"), "1");
    EXPECT_NE(ended.err.find("3 of them failed"), std::string::npos);
    // Both outputs go on to ours.
    EXPECT_EQ(ended.out, "out\n");
    EXPECT_NE(ended.err.find("no stock\n"), std::string::npos);
    EXPECT_NE(ended.err.find("line 0\n"), std::string::npos);
}

TEST_F(WorkCommand, ACommandNeedNotReadItsStdin) {
    const std::string large = "\"" + std::string(std::size_t{1} << 20U, 'x') + "\"\n";
    ask({"publish", "T"}, large + large);
    EXPECT_EQ(work("[ $EVENTY_EVENT_ID = 1 ] || wc -c > size").code, 0);
    EXPECT_EQ(std::stoi(read_file("size")), (1 << 20) + 2);
    EXPECT_EQ(count("processed"), "2");
}

TEST_F(WorkCommand, WhatACommandLeavesRunningDoesNotHoldItsEvent) {
    publish("T", 1);
    // It keeps the command's stderr open.
    EXPECT_EQ(work("sleep 600 > /dev/null & echo $! > sleeper").code, 0);
    const pid_t sleeper = std::stoi(read_file("sleeper"));
    EXPECT_EQ(kill(sleeper, 0), 0);
    EXPECT_EQ(count("processed"), "1");
    EXPECT_EQ(kill(sleeper, SIGKILL), 0);
}

TEST_F(WorkCommand, ACommandThatIsNotThereIsSaidBeforeAnythingIsTaken) {
    publish("T", 1);
    write_file("plain-file", "");
    for (const char* command : {"no-such-program-anywhere", "./nowhere", "./plain-file", "/", ""}) {
        const auto ended = eventy({"work", "T", "--once", "--", command});
        EXPECT_EQ(ended.code, 2) << command;
        EXPECT_NE(ended.err.find("cannot run "), std::string::npos) << ended.err;
    }
    EXPECT_EQ(count("pending"), "1");
    EXPECT_EQ(server_.must({"EXISTS", "eventy:leases:T:default"}).integer, 0);
}

TEST_F(WorkCommand, ACommandThatVanishesEndsTheWorkerAndFailsNothing) {
    publish("T", 3);
    write_file("vanishing", "#!/bin/sh\nrm vanishing\n");
    ASSERT_EQ(chmod((folder_ + "/vanishing").c_str(), 0755), 0);
    const auto ended = eventy({"work", "T", "--concurrency", "1", "--", "./vanishing"});
    EXPECT_EQ(ended.code, 1);
    EXPECT_NE(ended.err.find("cannot run ./vanishing: No such file or directory"), std::string::npos) << ended.err;
    EXPECT_EQ(count("processed"), "1");
    EXPECT_EQ(count("pending"), "2");
}

TEST_F(WorkCommand, OnceDoesWhatIsThereNow) {
    EXPECT_EQ(work("true").code, 0);  // nothing at all
    publish("T", 50);
    EXPECT_EQ(work("true", {"--once", "--concurrency", "8"}).code, 0);
    EXPECT_EQ(count("processed"), "50");
    EXPECT_EQ(work("true").code, 0);  // nothing new
}

TEST_F(WorkCommand, OnceEndsWhileOthersGoOnPublishing) {
    publish("T", 20);
    auto run_options = options();
    run_options.input_stays_open = true;
    CommandRun publisher(words({"publish", "T"}), run_options);
    CommandRun worker(words({"work", "T", "--once", "--", "true"}), options());
    std::atomic<bool> ended{false};
    std::thread feeding([&] {
        for (int n = 0; !ended; ++n) {
            publisher.write(std::to_string(n) + "\n");
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    });
    EXPECT_EQ(worker.wait().code, 0);
    ended = true;
    feeding.join();
    EXPECT_EQ(publisher.wait().code, 0);
    for (const int id : {1, 10, 20}) {
        EXPECT_EQ(get(id).at("status"), "PROCESSED");
    }
}

TEST_F(WorkCommand, CountIsExactAndTheRestIsHandedBack) {
    publish("T", 30);
    const auto ended = work("echo x >> ran", {"--count", "7", "--concurrency", "4"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_EQ(lines(read_file("ran")).size(), 7U);
    EXPECT_EQ(count("processed"), "7");
    EXPECT_EQ(count("pending"), "23");
    EXPECT_EQ(count("processing"), "0");
    // The next one need not wait for a lease to run out, and nothing was counted as an attempt.
    EXPECT_EQ(work("test $EVENTY_ATTEMPT = 1", {"--count", "23", "--lease", "1h"}).code, 0);
    EXPECT_EQ(count("processed"), "30");
}

TEST_F(WorkCommand, PrintWritesTheEventsInOrder) {
    publish("T", 500);
    const auto ended = eventy({"work", "T", "--print", "--count", "500"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    const auto printed = lines(ended.out);
    ASSERT_EQ(printed.size(), 500U);
    for (int id = 1; id <= 500; ++id) {
        const auto event = json::parse(printed[static_cast<std::size_t>(id - 1)]);
        EXPECT_EQ(event.at("id"), id);
        EXPECT_EQ(event.at("payload").at("n"), id);
        EXPECT_EQ(event.at("attempt"), 1);
    }
    EXPECT_EQ(count("processed"), "500");
}

TEST_F(WorkCommand, PrintedLinesAreWholeAlsoUnderConcurrency) {
    std::string input;
    for (int n = 0; n < 400; ++n) {
        input += "\"" + std::string(static_cast<std::size_t>(10'000 + n), 'x') + "\"\n";
    }
    ask({"publish", "T"}, input);
    const auto ended = eventy({"work", "T", "--print", "--once", "--concurrency", "8"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    std::set<int> ids;
    for (const auto& line : lines(ended.out)) {
        ids.insert(json::parse(line).at("id").get<int>());
    }
    EXPECT_EQ(ids.size(), 400U);
    EXPECT_EQ(lines(ended.out).size(), 400U);
}

TEST_F(WorkCommand, AReaderThatGoesAwayLosesNoEvent) {
    publish("T", 5000);
    const auto ended = CommandRun({"bash", "-c",
                                   std::string(EVENTY_COMMAND) +
                                       " work T --print --concurrency 1 | head -n 3; echo ${PIPESTATUS[0]} > code"},
                                  options())
                           .wait();
    EXPECT_EQ(lines(ended.out).size(), 3U);
    EXPECT_EQ(read_file("code"), "1\n");
    EXPECT_NE(ended.err.find("cannot write to stdout: Broken pipe"), std::string::npos) << ended.err;
    EXPECT_EQ(count("error"), "0");
    EXPECT_EQ(count("processing"), "0");
    EXPECT_EQ(std::stoi(count("processed")) + std::stoi(count("pending")), 5000);
    EXPECT_LT(std::stoi(count("processed")), 5000);
}

TEST_F(WorkCommand, EachGroupSeesEachEvent) {
    publish("T", 10);
    EXPECT_EQ(work("echo >> one", {"--count", "10", "--group", "one"}).code, 0);
    EXPECT_EQ(work("echo >> two", {"--count", "10", "--group", "two"}).code, 0);
    EXPECT_EQ(lines(read_file("one")).size(), 10U);
    EXPECT_EQ(lines(read_file("two")).size(), 10U);
}

TEST_F(WorkCommand, TwoWorkersShareWhatAPublisherSends) {
    CommandRun one(words({"work", "T", "--concurrency", "2", "--", "sh", "-c", "echo $EVENTY_EVENT_ID >> ran"}),
                   options());
    CommandRun two(words({"work", "T", "--concurrency", "2", "--", "sh", "-c", "echo $EVENTY_EVENT_ID >> ran"}),
                   options());
    publish("T", 200);
    while (count("processed") != "200") {
        ASSERT_EQ(count("error"), "0");
    }
    one.signal(SIGTERM);
    two.signal(SIGINT);
    EXPECT_EQ(one.wait().code, 0);
    EXPECT_EQ(two.wait().code, 0);
    const auto ran = lines(read_file("ran"));
    EXPECT_EQ(ran.size(), 200U);
    EXPECT_EQ(std::set<std::string>(ran.begin(), ran.end()).size(), 200U);
}

TEST_F(WorkCommand, GoesOnWhenRedisWasAway) {
    RedisServer durable({{}, true});
    auto run_options = options();
    run_options.environment["EVENTY_REDIS_URL"] = durable.url();
    CommandRun worker(words({"work", "T", "--count", "2", "--print"}), run_options);
    run_options.input = "1\n";
    EXPECT_EQ(CommandRun(words({"publish", "T"}), run_options).wait().code, 0);
    ASSERT_TRUE(worker.wait_for_output("\"id\": 1"));
    durable.kill9();
    durable.start();
    EXPECT_EQ(CommandRun(words({"publish", "T"}), run_options).wait().code, 0);
    const auto ended = worker.wait();
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_NE(ended.out.find("\"id\": 2"), std::string::npos);
}

TEST_F(WorkCommand, RefusesWrongUses) {
    for (const std::vector<std::string>& arguments : {std::vector<std::string>{"work"},
                                                      {"work", "T"},
                                                      {"work", "T", "true"},
                                                      {"work", "T", "--"},
                                                      {"work", "T", "--print", "--", "true"},
                                                      {"work", "T", "--count", "0", "--print"},
                                                      {"work", "T", "--count", "3", "--once", "--print"},
                                                      {"work", "T", "--concurrency", "0", "--print"},
                                                      {"work", "T", "--concurrency", "2000", "--print"},
                                                      {"work", "T", "--lease", "1", "--print"},
                                                      {"work", "T", "--lease", "1ms", "--print"},
                                                      {"work", "T", "--drain", "soon", "--print"},
                                                      {"work", "T", "--group", "a:b", "--print", "--count", "1"},
                                                      {"work", "A:B", "--print"}}) {
        const auto ended = eventy(arguments);
        EXPECT_EQ(ended.code, 2) << arguments.back() << ": " << ended.err;
        EXPECT_TRUE(ended.err.starts_with("eventy: ")) << ended.err;
    }
}

}  // namespace
}  // namespace eventy::test
