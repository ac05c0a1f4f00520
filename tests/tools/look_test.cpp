// get, search, count, types, subscribers, stats, tail, and what all subcommands share.
#include <csignal>
#include <nlohmann/json.hpp>

#include "tools/command_run.hpp"

namespace eventy::test {
namespace {

using nlohmann::json;

class LookCommand : public CommandTest {
protected:
    std::vector<json> ask_json(std::vector<std::string> arguments) const {
        arguments.emplace_back("--json");
        std::vector<json> all;
        for (const auto& line : lines(ask(std::move(arguments)))) {
            all.push_back(json::parse(line));
        }
        return all;
    }
    /// Six events: 1 and 2 processed, 3 failed, 4 to 6 pending.
    void prepare() const {
        publish("T", 3);
        const auto ended = eventy({"work", "T", "--once", "--concurrency", "1", "--", "sh", "-c",
                                   "test \"$EVENTY_EVENT_ID\" != 3 || { echo no stock >&2; exit 5; }"});
        ASSERT_EQ(ended.code, 0) << ended.err;
        publish("T", 3);
    }
};

TEST_F(LookCommand, CountPrintsTheNumberAlone) {
    EXPECT_EQ(ask({"count", "T"}), "0");
    prepare();
    EXPECT_EQ(eventy({"count", "T"}).out, "6\n");
    EXPECT_EQ(ask({"count", "T", "--status", "processed"}), "2");
    EXPECT_EQ(ask({"count", "T", "--status", "ERROR"}), "1");
    EXPECT_EQ(ask({"count", "T", "--status=Pending"}), "3");
    EXPECT_EQ(ask({"count", "T", "--status", "processing", "--json"}), "{\"type\": \"T\", \"count\": 0}");
}

TEST_F(LookCommand, TimesAreIsoOrRelative) {
    publish("T", 2);
    for (const char* since : {"-15m", "-1h30m", "2018-02-07", "2018-02-07T01:26:41Z", "-5000d"}) {
        EXPECT_EQ(ask({"count", "T", "--since", since}), "2") << since;
        EXPECT_EQ(ask({"count", "T", "--until", since}), "0") << since;
    }
    EXPECT_EQ(ask({"count", "T", "--until", "+1h"}), "2");
    const std::string created = ask_json({"get", "T", "2"}).at(0).at("created_at");
    EXPECT_EQ(ask({"count", "T", "--since", created}), "1");
    EXPECT_EQ(ask({"count", "T", "--since", created, "--until", created}), "1");
}

TEST_F(LookCommand, GetShowsEverything) {
    prepare();
    const auto event = ask_json({"get", "T", "3"}).at(0);
    EXPECT_EQ(event.at("id"), 3);
    EXPECT_EQ(event.at("type"), "T");
    EXPECT_EQ(event.at("status"), "ERROR");
    EXPECT_EQ(event.at("attempt"), 1);
    EXPECT_EQ(event.at("last_error"), "exit status 5: no stock");
    EXPECT_EQ(event.at("payload"), json({{"n", 3}}));
    EXPECT_FALSE(event.at("processed_by").get<std::string>().empty());
    EXPECT_TRUE(event.contains("started_at") && event.contains("finished_at"));

    const std::string text = ask({"get", "T", "3"});
    for (const char* part : {"id:           3\n", "status:       ERROR\n", "last error:   exit status 5: no stock\n",
                             "payload:      {\"n\": 3}"}) {
        EXPECT_NE(text.find(part), std::string::npos) << text;
    }
}

TEST_F(LookCommand, GetOfSeveralSaysWhichAreNotThere) {
    publish("T", 2);
    const auto ended = eventy({"get", "T", "2", "77", "1", "--json"});
    EXPECT_EQ(ended.code, 1);
    ASSERT_EQ(lines(ended.out).size(), 2U) << ended.out;
    EXPECT_EQ(json::parse(lines(ended.out)[0]).at("id"), 2);
    EXPECT_EQ(json::parse(lines(ended.out)[1]).at("id"), 1);
    EXPECT_NE(ended.err.find("event 77 of T"), std::string::npos) << ended.err;
    EXPECT_EQ(eventy({"get", "T"}).code, 2);
    EXPECT_EQ(eventy({"get", "T", "x"}).code, 2);
    EXPECT_EQ(eventy({"get", "T", "0"}).code, 2);
    const auto too_large = eventy({"get", "T", "99999999999999999999"});
    EXPECT_EQ(too_large.code, 2) << too_large.err;
    EXPECT_LT(eventy({"get", "T", "x"}).err.size(), 200U) << "a message for people";
}

TEST_F(LookCommand, PayloadsThatAreNoJsonAreShownAsWhatTheyAre) {
    publish("T", 4);
    server_.must({"HSET", "eventy:events:T:1", "payload", "plain words"});
    server_.must({"HSET", "eventy:events:T:2", "payload", "\xFF\x01"});
    server_.must({"HSET", "eventy:events:T:3", "payload", "{\n  \"a\": 1\r\n}"});
    server_.must({"HSET", "eventy:events:T:4", "payload", "\"\\u001b[31mred\" \x1b]0;title\x07"});
    const auto events = ask_json({"get", "T", "1", "2", "3", "4"});
    ASSERT_EQ(events.size(), 4U);
    EXPECT_EQ(events[0].at("payload_text"), "plain words");
    EXPECT_EQ(events[1].at("payload_base64"), "/wE=");
    EXPECT_EQ(events[2].at("payload"), json({{"a", 1}}));
    EXPECT_EQ(ask({"search", "T"}).find('\x1b'), std::string::npos);
    EXPECT_NE(ask({"get", "T", "4"}).find("\\x1b]0;title\\x07"), std::string::npos);
}

TEST_F(LookCommand, SearchIsNewestFirstAndFilters) {
    prepare();
    std::vector<int> ids;
    for (const auto& event : ask_json({"search", "T"})) {
        ids.push_back(event.at("id"));
    }
    EXPECT_EQ(ids, (std::vector<int>{6, 5, 4, 3, 2, 1}));
    EXPECT_EQ(ask_json({"search", "T", "--limit", "2"}).at(1).at("id"), 5);
    const auto failed = ask_json({"search", "T", "--status", "error"});
    ASSERT_EQ(failed.size(), 1U);
    EXPECT_EQ(failed[0].at("id"), 3);

    const auto table = lines(ask({"search", "T", "--status", "error"}));
    ASSERT_EQ(table.size(), 2U);
    EXPECT_TRUE(table[0].starts_with("ID  STATUS")) << table[0];
    EXPECT_NE(table[1].find("no stock"), std::string::npos) << table[1];
}

TEST_F(LookCommand, SearchPagesByItself) {
    publish("T", 2345);
    const auto found = lines(ask({"search", "T", "--limit", "2300", "--json"}));
    ASSERT_EQ(found.size(), 2300U);
    EXPECT_EQ(json::parse(found.front()).at("id"), 2345);
    EXPECT_EQ(json::parse(found.back()).at("id"), 46);
    // The table has one heading and as many lines.
    EXPECT_EQ(lines(ask({"search", "T", "--limit", "2300"})).size(), 2301U);
}

TEST_F(LookCommand, SearchShowsWhatCannotBeReadInItsPlace) {
    publish("T", 6);
    for (const int id : {6, 3, 2}) {
        const std::string key = "eventy:events:T:" + std::to_string(id);
        server_.must({"DEL", key});
        server_.must({"SET", key, "not ours"});
    }
    const std::vector<bool> unreadable{true, false, false, true, true, false};  // newest first
    const auto events = ask_json({"search", "T"});
    const auto table = lines(ask({"search", "T"}));
    ASSERT_EQ(events.size(), 6U);
    ASSERT_EQ(table.size(), 7U);
    for (std::size_t i = 0; i < 6; ++i) {
        EXPECT_EQ(events[i].at("id").get<std::size_t>(), 6 - i);
        EXPECT_EQ(events[i].contains("unreadable"), unreadable[i]) << i;
        const auto words = table[i + 1].substr(table[i + 1].find_first_not_of(' '));
        EXPECT_TRUE(words.starts_with(std::to_string(6 - i) + " ")) << table[i + 1];
        EXPECT_EQ(words.find("(unreadable: ") != std::string::npos, unreadable[i]) << table[i + 1];
    }
}

TEST_F(LookCommand, NothingFoundIsNoFailure) {
    const auto ended = eventy({"search", "T"});
    EXPECT_EQ(ended.code, 0);
    EXPECT_EQ(ended.out, "");
    EXPECT_EQ(ended.err, "eventy: no such event of T\n");
    EXPECT_EQ(eventy({"search", "T", "--json"}).err, "");
}

TEST_F(LookCommand, TypesAreTheRegistry) {
    EXPECT_EQ(ask({"types"}), "");
    publish("Order", 1);
    publish("Earthquake", 1);
    ask({"publish", "Other", "--prefix", "elsewhere"}, "1\n");
    EXPECT_EQ(ask({"types"}), "Earthquake\nOrder");
    EXPECT_EQ(ask({"types", "--json"}), "{\"type\": \"Earthquake\"}\n{\"type\": \"Order\"}");
    EXPECT_EQ(ask({"types", "--prefix", "elsewhere"}), "Other");
}

TEST_F(LookCommand, WhereRedisIsMayBeSaidBeforeTheSubcommand) {
    ask({"--prefix", "elsewhere", "publish", "Other"}, "1\n");
    EXPECT_EQ(ask({"--url", server_.url(), "--prefix=elsewhere", "count", "Other"}), "1");
    EXPECT_EQ(eventy({"--prefix", "elsewhere"}).code, 2);
    EXPECT_EQ(eventy({"--prefix"}).code, 2);
}

TEST_F(LookCommand, StatsOfOneTypeAndOfAll) {
    prepare();
    publish("Another", 1);
    const auto one = ask_json({"stats", "T"}).at(0);
    EXPECT_EQ(one.at("type"), "T");
    EXPECT_EQ(one.at("last_id"), 6);
    EXPECT_EQ(one.at("by_status"), json({{"PENDING", 3}, {"PROCESSING", 0}, {"PROCESSED", 2}, {"ERROR", 1}}));
    EXPECT_EQ(one.at("groups").at("default").at("lag"), 3);
    EXPECT_GE(one.at("groups").at("default").at("oldest_pending_ms"), 0);
    EXPECT_EQ(one.at("expired"), 0);
    EXPECT_EQ(one.at("subscribers"), 0);
    EXPECT_EQ(ask_json({"stats"}).size(), 2U);
    const auto table = lines(ask({"stats"}));
    EXPECT_EQ(table.size(), 7U) << ask({"stats"});  // two types, a line between, and their groups, with headings
    EXPECT_TRUE(table.at(0).starts_with("TYPE")) << table.at(0);

    const auto nothing = eventy({"stats", "--prefix", "elsewhere"});
    EXPECT_EQ(nothing.code, 0);
    EXPECT_NE(nothing.err.find("no event type is registered"), std::string::npos);
}

TEST_F(LookCommand, SubscribersOfAllProcesses) {
    publish("T", 1);
    CommandRun worker(words({"work", "T", "--print"}), options());
    ASSERT_TRUE(worker.wait_for_output("\"id\": 1"));
    std::vector<json> found;
    while ((found = ask_json({"subscribers", "T"})).empty()) {
    }
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].at("pid"), worker.pid());
    EXPECT_EQ(found[0].at("group"), "default");
    EXPECT_EQ(ask_json({"stats", "T"}).at(0).at("subscribers"), 1);
    EXPECT_EQ(lines(ask({"subscribers", "T"})).size(), 2U);
    worker.signal(SIGTERM);
    EXPECT_EQ(worker.wait().code, 0);
    EXPECT_EQ(ask({"subscribers", "T"}), "");
}

TEST_F(LookCommand, TailShowsWhatHappensUntilASignal) {
    CommandRun tail(words({"tail", "T"}), options());
    CommandRun with_payload(words({"tail", "T", "--payload", "--json", "--count", "2"}), options());
    while (server_.must({"PUBSUB", "NUMSUB", "eventy:channel:T"}).items.at(1).integer < 2) {
        std::this_thread::yield();
    }
    publish("T", 1);
    EXPECT_TRUE(tail.wait_for_output("  1  PENDING"));
    EXPECT_EQ(eventy({"work", "T", "--once", "--", "false"}).code, 0);
    EXPECT_TRUE(tail.wait_for_output("  1  ERROR"));
    const auto ended = with_payload.wait();
    EXPECT_EQ(ended.code, 0);
    const auto notices = lines(ended.out);
    ASSERT_EQ(notices.size(), 2U);
    EXPECT_EQ(json::parse(notices[0]).at("status"), "PENDING");
    EXPECT_EQ(json::parse(notices[0]).at("event").at("payload"), json({{"n", 1}}));
    EXPECT_EQ(json::parse(notices[1]).at("status"), "ERROR");
    tail.signal(SIGTERM);
    EXPECT_EQ(tail.wait().code, 0);
}

TEST_F(LookCommand, TailSaysWhereSomethingMayBeMissing) {
    CommandRun tail(words({"tail", "T"}), options());
    CommandRun as_json(words({"tail", "T", "--json"}), options());
    const auto both_listen = [&] {
        while (server_.must({"PUBSUB", "NUMSUB", "eventy:channel:T"}).items.at(1).integer < 2) {
            std::this_thread::yield();
        }
    };
    both_listen();
    publish("T", 1);
    EXPECT_TRUE(tail.wait_for_output("  1  PENDING"));
    EXPECT_TRUE(as_json.wait_for_output("\"event_id\": 1"));
    server_.must({"CLIENT", "KILL", "TYPE", "pubsub"});
    EXPECT_TRUE(tail.wait_for_errors("the connection was lost and is back"));
    EXPECT_TRUE(as_json.wait_for_output("{\"gap\": true, \"at\": \""));
    both_listen();
    publish("T", 1);
    EXPECT_TRUE(tail.wait_for_output("  2  PENDING"));
    EXPECT_TRUE(as_json.wait_for_output("\"event_id\": 2"));
    tail.signal(SIGTERM);
    as_json.signal(SIGTERM);
    EXPECT_EQ(lines(tail.wait().out).size(), 2U) << "stdout has the notices alone";
    const auto lines_of_json = lines(as_json.wait().out);
    ASSERT_EQ(lines_of_json.size(), 3U);
    EXPECT_TRUE(json::parse(lines_of_json[1]).at("gap"));
}

TEST_F(LookCommand, WrongUsesEndWith2AndOneLine) {
    for (const std::vector<std::string>& arguments : {std::vector<std::string>{},
                                                      {"frobnicate"},
                                                      {"--frobnicate"},
                                                      {"count"},
                                                      {"count", "T", "--status", "lost"},
                                                      {"count", "T", "--since", "yesterday"},
                                                      {"count", "T", "--since", "2018-02-30"},
                                                      {"count", "T", "U"},
                                                      {"count", "T", "--", "sh"},
                                                      {"count", "A:B"},
                                                      {"count", ""},
                                                      {"count", "T", "--timeout", "5"},
                                                      {"search", "T", "--limit", "0"},
                                                      {"search", "T", "--limit", "many"},
                                                      {"count", "T", "--url", "http://localhost"},
                                                      {"count", "T", "--url", "redis://localhost:70000"},
                                                      {"count", "T", "--prefix", "a*"},
                                                      {"tail", "T", "--count", "0"}}) {
        const auto ended = eventy(arguments);
        EXPECT_EQ(ended.code, 2) << (arguments.empty() ? "" : arguments.back()) << ": " << ended.err;
        EXPECT_TRUE(ended.err.starts_with("eventy: ")) << ended.err;
        EXPECT_EQ(lines(ended.err).size(), 1U) << ended.err;
        EXPECT_EQ(ended.out, "");
    }
}

TEST_F(LookCommand, AServerThatIsNotThereIsAFailureWithAdvice) {
    for (const char* command : {"count", "search", "stats", "tail", "subscribers", "publish"}) {
        const auto ended = eventy({command, "T", "--url", "unix://" + folder_ + "/nobody.sock", "--timeout", "200ms"});
        EXPECT_EQ(ended.code, 1) << command;
        EXPECT_NE(ended.err.find("is Redis running there?"), std::string::npos) << ended.err;
        EXPECT_EQ(lines(ended.err).size(), 1U) << ended.err;
    }
    const auto types = eventy({"types", "--url", "unix://" + folder_ + "/nobody.sock", "--timeout", "200ms"});
    EXPECT_EQ(types.code, 1);
}

TEST_F(LookCommand, AServerThatAnswersButCannotBeUsedIsSaidOnceAndNotAskedFor) {
    const std::string at = "127.0.0.1:" + std::to_string(server_.port());
    for (const auto& [url, reason] : std::map<std::string, std::string>{
             {"redis://" + at + "/99", "database 99 does not exist there"},
             {"redis://:sesame@" + at + "/0", "a password was given, but it has none"}}) {
        for (const char* command : {"count", "search", "stats", "tail", "subscribers", "publish", "types"}) {
            std::vector<std::string> arguments = {command, "--url", url, "--timeout", "1s"};
            if (command != std::string("types")) {
                arguments.insert(arguments.begin() + 1, "T");
            }
            const auto ended = eventy(arguments);
            EXPECT_EQ(ended.code, 1) << command;
            EXPECT_NE(ended.err.find(reason + "; --url or EVENTY_REDIS_URL say"), std::string::npos) << ended.err;
            EXPECT_EQ(ended.err.find("is Redis running"), std::string::npos) << ended.err;
            EXPECT_EQ(lines(ended.err).size(), 1U) << ended.err;
        }
    }
}

TEST_F(LookCommand, AKeyOfAWrongTypeIsNamedAndNoOther) {
    publish("T", 1);
    EXPECT_EQ(eventy({"work", "T", "--once", "--print"}).code, 0);
    for (const std::string key : {"eventy:dead:T:default", "eventy:index:T"}) {
        SCOPED_TRACE(key);
        server_.must({"DEL", key});
        server_.must({"SET", key, "mine"});
        const auto ended = eventy({"search", "T"});
        EXPECT_EQ(ended.code, 1);
        EXPECT_NE(ended.err.find("key '" + key + "' holds a string where Eventy keeps a zset"), std::string::npos)
            << ended.err;
        EXPECT_EQ(ended.err.find("eventy:meta"), std::string::npos) << ended.err;
        server_.must({"DEL", key});
    }
}

TEST_F(LookCommand, NeverShowsThePassword) {
    server_.must({"CONFIG", "SET", "requirepass", "sesame-open"});
    const std::string port = std::to_string(server_.port());
    const auto wrong = eventy({"count", "T", "--url", "redis://:not-sesame@127.0.0.1:" + port});
    EXPECT_EQ(wrong.code, 1);
    EXPECT_EQ(wrong.err.find("not-sesame"), std::string::npos) << wrong.err;
    EXPECT_EQ(ask({"count", "T", "--url", "redis://:sesame-open@127.0.0.1:" + port}), "0");
}

TEST_F(LookCommand, TheEnvironmentSaysServerAndPrefixAndOptionsWin) {
    auto run_options = options(numbered(2));
    run_options.environment["EVENTY_KEY_PREFIX"] = "elsewhere";
    EXPECT_EQ(CommandRun(words({"publish", "T"}), run_options).wait().code, 0);
    EXPECT_EQ(server_.must({"GET", "elsewhere:counter:T"}).text, "2");
    run_options.input.clear();
    EXPECT_EQ(CommandRun(words({"count", "T", "--prefix", "eventy"}), run_options).wait().out, "0\n");
    run_options.environment["EVENTY_REDIS_URL"] = "redis://127.0.0.1:1";
    EXPECT_EQ(CommandRun(words({"count", "T", "--url", server_.url()}), run_options).wait().out, "2\n");
}

TEST_F(LookCommand, AFullDiskIsAFailure) {
    for (const char* arguments : {" count T", " --version", " --help", " count --help"}) {
        const auto ended =
            CommandRun({"sh", "-c", std::string(EVENTY_COMMAND) + arguments + " > /dev/full"}, options()).wait();
        EXPECT_EQ(ended.code, 1) << arguments;
        EXPECT_EQ(ended.err, "eventy: cannot write to stdout: No space left on device\n") << arguments;
    }
}

TEST_F(LookCommand, ASubcommandsNameIsATypeLikeAnyOther) {
    publish("search", 1);
    EXPECT_EQ(ask({"count", "search"}), "1");
    EXPECT_EQ(ask_json({"stats", "search"}).at(0).at("last_id"), 1);
}

TEST_F(LookCommand, VersionAndHelpAreNoFailures) {
    EXPECT_EQ(ask({"--version"}), "eventy " EVENTY_VERSION);
    EXPECT_NE(ask({"--help"}).find("Exit codes:"), std::string::npos);
}

}  // namespace
}  // namespace eventy::test
