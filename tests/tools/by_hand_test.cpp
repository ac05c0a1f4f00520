// eventy retry and eventy discard, as processes.
#include <csignal>
#include <nlohmann/json.hpp>

#include "tools/command_run.hpp"

namespace eventy::test {
namespace {

using nlohmann::json;

class ByHandCommand : public CommandTest {
protected:
    /// The first `failed` of so many events are ERROR, the others PENDING.
    void prepare(int failed, int count) const {
        publish("T", count);
        if (failed > 0) {
            const auto ended = eventy({"work", "T", "--count", std::to_string(failed), "--concurrency", "1", "--quiet",
                                       "--", "sh", "-c", "echo no stock >&2; exit 1"});
            ASSERT_EQ(ended.code, 0) << ended.err;
        }
    }
    std::string count(const std::string& status) const { return ask({"count", "T", "--status", status}); }
    json get(int id) const { return json::parse(ask({"get", "T", std::to_string(id), "--json"})); }
};

TEST_F(ByHandCommand, RetryTakesSingleEventsUpAgain) {
    prepare(2, 3);
    const auto ended = eventy({"retry", "T", "2", "3"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_EQ(ended.out,
              "event 2 of T was taken up again\n"
              "event 3 of T was not given up: nothing to do\n");
    EXPECT_EQ(count("error"), "1");
    EXPECT_EQ(get(2).at("status"), "PENDING");
    EXPECT_EQ(get(2).at("failures").at(0).at("error"), "exit status 1: no stock") << "what failed stays known";
    EXPECT_EQ(eventy({"work", "T", "--once", "--", "test", "2", "=", "2"}).code, 0);
    EXPECT_EQ(get(2).at("status"), "PROCESSED");
}

TEST_F(ByHandCommand, DiscardGivesSingleEventsUp) {
    prepare(1, 3);
    const auto ended = eventy({"discard", "T", "3", "1"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_EQ(ended.out,
              "event 3 of T was discarded\n"
              "event 1 of T was processed or given up before: nothing to do\n");
    EXPECT_EQ(get(3).at("status"), "ERROR");
    EXPECT_EQ(get(3).at("last_error"), "discarded by hand");
    EXPECT_EQ(eventy({"work", "T", "--once", "--", "sh", "-c", "echo $EVENTY_EVENT_ID >> ran"}).code, 0);
    EXPECT_EQ(read_file("ran"), "2\n");
    // And back again.
    EXPECT_EQ(ask({"retry", "T", "3"}), "event 3 of T was taken up again");
    EXPECT_EQ(eventy({"work", "T", "--once", "--", "sh", "-c", "echo $EVENTY_EVENT_ID >> ran"}).code, 0);
    EXPECT_EQ(read_file("ran"), "2\n3\n");
}

TEST_F(ByHandCommand, IdsThatAreNotThereAreSaidOneByOne) {
    prepare(1, 2);
    for (const char* deed : {"retry", "discard"}) {
        const auto ended = eventy({deed, "T", "77", deed == std::string("retry") ? "1" : "2", "78", "--json"});
        EXPECT_EQ(ended.code, 1) << "documented in --help";
        const auto said = lines(ended.out);
        ASSERT_EQ(said.size(), 3U) << ended.out;
        EXPECT_EQ(json::parse(said[0]), (json{{"id", 77}, {"type", "T"}, {deed, "gone"}}));
        EXPECT_EQ(json::parse(said[1]).at(deed), "done") << "the others are not held up";
        EXPECT_EQ(json::parse(said[2]).at("id"), 78);
        EXPECT_NE(ended.err.find("event 77 of T"), std::string::npos) << ended.err;
        EXPECT_NE(ended.err.find("event 78 of T"), std::string::npos) << ended.err;
        EXPECT_NE(ask({deed, "--help"}).find("the exit code is 1"), std::string::npos);
    }
    EXPECT_EQ(eventy({"retry", "T", "1"}).out, "event 1 of T was not given up: nothing to do\n");
}

TEST_F(ByHandCommand, ManyAreOnlyCountedWithoutYes) {
    prepare(3, 5);
    EXPECT_EQ(ask({"retry", "T", "--all"}), "would retry 3 events of T; nothing was changed: add --yes to do it");
    EXPECT_EQ(ask({"discard", "T", "--all"}), "would discard 2 events of T; nothing was changed: add --yes to do it");
    EXPECT_EQ(ask({"discard", "T", "--all", "--status", "Error"}),
              "would discard 3 events of T; nothing was changed: add --yes to do it");
    EXPECT_EQ(json::parse(ask({"retry", "T", "--all", "--json"})),
              (json{{"type", "T"}, {"action", "retry"}, {"matching", 3}, {"changed", 0}, {"dry_run", true}}));
    EXPECT_EQ(ask({"retry", "T", "--all", "--until", "-1h"}), "would retry 0 events of T");
    EXPECT_EQ(count("error"), "3");
    EXPECT_EQ(count("pending"), "2");
}

TEST_F(ByHandCommand, ManyAreChangedInStepsWithYes) {
    prepare(250, 600);
    const std::string since = get(101).at("created_at");
    EXPECT_EQ(ask({"retry", "T", "--all", "--since", since, "--yes"}), "150 events of T were taken up again");
    EXPECT_EQ(count("error"), "100");
    EXPECT_EQ(json::parse(ask({"discard", "T", "--all", "--status", "PENDING", "--until", since, "--yes", "--json"})),
              (json{{"type", "T"}, {"action", "discard"}, {"matching", 1}, {"changed", 1}, {"dry_run", false}}));
    EXPECT_EQ(ask({"discard", "T", "--all", "--yes"}), "499 events of T were discarded");
    EXPECT_EQ(count("error"), "600");
    EXPECT_EQ(count("pending"), "0");
    EXPECT_EQ(ask({"retry", "T", "--all", "--yes"}), "600 events of T were taken up again");
    EXPECT_EQ(count("pending"), "600");
    // No call of a script had more than a hundred ids.
    EXPECT_EQ(server_.must({"LLEN", "eventy:wake:T:default"}).integer, 1);
}

TEST_F(ByHandCommand, ATerminalSeesABar) {
    prepare(0, 500);
    write_file("discard.sh", std::string(EVENTY_COMMAND) + " discard T --all --yes\n");
    const auto ended = CommandRun({"script", "-qec", "sh discard.sh", "/dev/null"}, options()).wait();
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_NE(ended.out.find("[####"), std::string::npos) << ended.out;
    EXPECT_NE(ended.out.find("500 events of T were discarded"), std::string::npos) << ended.out;
}

TEST_F(ByHandCommand, ASignalEndsItBetweenTwoSteps) {
    prepare(0, 50'000);
    CommandRun run(words({"discard", "T", "--all", "--yes"}), options());
    while (count("error") == "0") {
    }
    run.signal(SIGINT);
    const auto ended = run.wait();
    EXPECT_EQ(ended.code, 4) << ended.err;
    EXPECT_NE(ended.err.find("the same command goes on"), std::string::npos) << ended.err;
    const int discarded = std::stoi(count("error"));
    EXPECT_LT(discarded, 50'000);
    EXPECT_EQ(discarded % 100, 0);
}

TEST_F(ByHandCommand, WrongUsesAreRefused) {
    for (const std::vector<std::string>& arguments : {std::vector<std::string>{"retry"},
                                                      {"retry", "T"},
                                                      {"retry", "T", "0"},
                                                      {"retry", "T", "x"},
                                                      {"retry", "T", "1", "--all"},
                                                      {"retry", "T", "1", "--yes"},
                                                      {"retry", "T", "1", "--since", "-1h"},
                                                      {"retry", "T", "--yes"},
                                                      {"retry", "T", "--all", "--since", "soon"},
                                                      {"retry", "T", "--all", "--status", "pending"},
                                                      {"discard", "T"},
                                                      {"discard", "T", "1", "--status", "pending"},
                                                      {"discard", "T", "--all", "--status", "lost"},
                                                      {"discard", "T", "--all", "--status", "processed", "--yes"},
                                                      {"discard", "T", "--all", "--status", "processed"},
                                                      {"discard", "A:B", "--all"}}) {
        const auto ended = eventy(arguments);
        std::string line;
        for (const auto& word : arguments) {
            line += word + " ";
        }
        EXPECT_EQ(ended.code, 2) << line << ended.err;
        EXPECT_TRUE(ended.err.starts_with("eventy: ")) << line << ended.err;
    }
}

TEST_F(ByHandCommand, AServerThatIsNotThereIsSaid) {
    auto run_options = options();
    run_options.environment["EVENTY_REDIS_URL"] = "redis://127.0.0.1:1";
    for (const char* deed : {"retry", "discard"}) {
        const auto ended = CommandRun(words({deed, "T", "1", "--timeout", "100ms"}), run_options).wait();
        EXPECT_EQ(ended.code, 1);
        EXPECT_NE(ended.err.find("is Redis running there"), std::string::npos) << ended.err;
    }
}

}  // namespace
}  // namespace eventy::test
