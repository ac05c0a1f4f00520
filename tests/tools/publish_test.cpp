#include <csignal>

#include "tools/command_run.hpp"

namespace eventy::test {
namespace {

class PublishCommand : public CommandTest {};

TEST_F(PublishCommand, SaysTheIdsAndTheRate) {
    const auto ended = eventy({"publish", "T"}, numbered(2500));
    EXPECT_EQ(ended.code, 0);
    EXPECT_TRUE(ended.out.starts_with("published 2,500 events of T, ids 1 to 2500, in ")) << ended.out;
    EXPECT_TRUE(ended.out.ends_with("/s)\n")) << ended.out;
    EXPECT_EQ(ended.err, "");
    EXPECT_EQ(ask({"count", "T"}), "2500");
}

TEST_F(PublishCommand, IdsRiseWithTheLinesOverManyBatches) {
    publish("T", 5000);
    for (const int id : {1, 999, 1000, 1001, 2000, 2001, 5000}) {
        EXPECT_EQ(server_.must({"HGET", "eventy:events:T:" + std::to_string(id), "payload"}).text,
                  "{\"n\": " + std::to_string(id) + "}");
    }
}

TEST_F(PublishCommand, AFileAndStdinByADash) {
    write_file("in.ndjson", numbered(3));
    EXPECT_EQ(eventy({"publish", "T", "in.ndjson"}).code, 0);
    EXPECT_EQ(eventy({"publish", "T", "-"}, numbered(2)).code, 0);
    EXPECT_EQ(ask({"count", "T"}), "5");
}

TEST_F(PublishCommand, BehindTwoDashesNothingIsAnOption) {
    write_file("--in", numbered(2));
    const auto ended = eventy({"publish", "--", "-T", "--in"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_EQ(ask({"count", "--", "-T"}), "2");
    EXPECT_EQ(eventy({"work", "--once", "--", "-T"}).code, 2) << "behind those of work stands its command";
}

TEST_F(PublishCommand, ThePayloadIsTheLineByteForByte) {
    const std::string line = "{ \"b\": 1.50, \"a\": 12345678901234567890123, \"a\": \"\\u00e9\xC3\xA9\"}\t";
    ask({"publish", "T"}, line + "\r\n\n   \n[1]");
    EXPECT_EQ(server_.must({"HGET", "eventy:events:T:1", "payload"}).text, line);
    EXPECT_EQ(server_.must({"HGET", "eventy:events:T:2", "payload"}).text, "[1]");
    EXPECT_EQ(ask({"count", "T"}), "2");
}

TEST_F(PublishCommand, AByteOrderMarkIsNoPartOfTheFirstEvent) {
    ask({"publish", "T"}, "\xEF\xBB\xBF{}\n");
    EXPECT_EQ(server_.must({"HGET", "eventy:events:T:1", "payload"}).text, "{}");
}

TEST_F(PublishCommand, ABadLineStopsItAndSaysWhereAndWhy) {
    write_file("in.ndjson", "{\"a\": 1}\n{\"a\": 2}\n{\"a\": 3\n{\"a\": 4}\n");
    const auto ended = eventy({"publish", "T", "in.ndjson"});
    EXPECT_EQ(ended.code, 2);
    EXPECT_TRUE(ended.out.starts_with("published 2 events of T, ids 1 to 2, in ")) << ended.out;
    EXPECT_NE(ended.err.find("eventy: in.ndjson:3: not JSON: "), std::string::npos) << ended.err;
    EXPECT_NE(ended.err.find("--keep-going"), std::string::npos) << ended.err;
    EXPECT_EQ(ask({"count", "T"}), "2");
}

TEST_F(PublishCommand, KeepGoingLeavesBadLinesOut) {
    const auto ended = eventy({"publish", "T", "--keep-going", "--json"}, "{\"a\": 1}\nnonsense\nNaN\n{\"a\": 2}\n");
    EXPECT_EQ(ended.code, 3);
    EXPECT_NE(ended.err.find("eventy: stdin:2: "), std::string::npos) << ended.err;
    EXPECT_NE(ended.err.find("eventy: stdin:3: "), std::string::npos) << ended.err;
    EXPECT_NE(ended.out.find("\"published\": 2, \"first_id\": 1, \"last_id\": 2, \"bad_lines\": 2, "),
              std::string::npos)
        << ended.out;
}

TEST_F(PublishCommand, WhatIsNoJsonOfOursIsABadLine) {
    const std::string deep(600, '[');
    for (const std::string& line :
         {std::string("\xFF\xFE"), std::string("{\"a\": \"\xC3\"}"), deep + std::string(600, ']'), std::string("1e999"),
          std::string("{} {}"), std::string("'a'"), std::string("{\"a\": \x01}")}) {
        const auto ended = eventy({"publish", "T"}, line + "\n");
        EXPECT_EQ(ended.code, 2) << line;
        EXPECT_NE(ended.err.find("eventy: stdin:1: "), std::string::npos) << ended.err;
    }
    EXPECT_EQ(ask({"count", "T"}), "0");
}

TEST_F(PublishCommand, ALineOverThePayloadLimitIsABadLine) {
    const std::string long_line = "\"" + std::string(std::size_t{17} * 1024 * 1024, 'x') + "\"";
    const auto ended = eventy({"publish", "T", "--keep-going"}, "1\n" + long_line + "\n2\n");
    EXPECT_EQ(ended.code, 3);
    EXPECT_NE(ended.err.find("eventy: stdin:2: the line is over 16777216 bytes"), std::string::npos) << ended.err;
    EXPECT_EQ(ask({"count", "T"}), "2");
}

TEST_F(PublishCommand, LargeLinesAreCutIntoCallsByTheirBytes) {
    const std::string megabytes = "\"" + std::string(std::size_t{4} * 1024 * 1024, 'x') + "\"\n";
    std::string input;
    for (int i = 0; i < 10; ++i) {
        input += megabytes;
    }
    EXPECT_EQ(eventy({"publish", "T"}, input).code, 0);
    EXPECT_EQ(ask({"count", "T"}), "10");
}

TEST_F(PublishCommand, WhatThePipeHoldsIsPublishedWithoutWaitingForMore) {
    auto run_options = options("{\"a\": 1}\n{\"a\"");
    run_options.input_stays_open = true;
    CommandRun tail(words({"tail", "T", "--count", "1", "--json"}), options());
    // `tail` sees what is published after it began: wait until it listens.
    while (server_.must({"PUBSUB", "NUMSUB", "eventy:channel:T"}).items.at(1).integer == 0) {
        std::this_thread::yield();
    }
    CommandRun run(words({"publish", "T"}), run_options);
    EXPECT_TRUE(tail.wait_for_output("\"event_id\": 1"));
    run.write(": 2}");
    EXPECT_EQ(run.wait().code, 0);
    EXPECT_EQ(tail.wait().code, 0);
    EXPECT_EQ(ask({"count", "T"}), "2");
}

TEST_F(PublishCommand, ASignalEndsItWithWhatWasRead) {
    auto run_options = options("{\"a\": 1}\n");
    run_options.input_stays_open = true;
    CommandRun run(words({"publish", "T"}), run_options);
    while (ask({"count", "T"}) != "1") {
    }
    run.signal(SIGINT);
    const auto ended = run.wait();
    EXPECT_EQ(ended.code, 4);
    EXPECT_TRUE(ended.out.starts_with("published 1 event of T, ids 1 to 1, in ")) << ended.out;
}

TEST_F(PublishCommand, AnEmptyInputIsNoEvent) {
    EXPECT_EQ(ask({"publish", "T"}), "published no event of T");
    EXPECT_EQ(server_.keys(), std::vector<std::string>{});
}

TEST_F(PublishCommand, KeysHeadersAndTtlReachTheEvent) {
    ask({"publish", "T", "--key", "customer 7", "--header", "trace=a=b", "--header", "from=", "--ttl", "2h"}, "{}\n");
    const std::string event = ask({"get", "T", "1", "--json"});
    EXPECT_NE(event.find("\"key\": \"customer 7\", \"headers\": {\"from\": \"\", \"trace\": \"a=b\"}"),
              std::string::npos)
        << event;
    const auto ttl = server_.must({"PTTL", "eventy:events:T:1"}).integer;
    EXPECT_GT(ttl, 7'000'000);
    EXPECT_LE(ttl, 7'200'000);
}

TEST_F(PublishCommand, RefusesWrongUses) {
    for (const std::vector<std::string>& arguments : {std::vector<std::string>{"publish"},
                                                      {"publish", "T", "nowhere.ndjson"},
                                                      {"publish", "T", "/"},
                                                      {"publish", "T", "--header", "x"},
                                                      {"publish", "T", "--ttl", "soon"},
                                                      {"publish", "T", "--ttl", "0s"},
                                                      {"publish", "A:B"},
                                                      {"publish", "T", "--prefix", "a b"},
                                                      {"publish", "T", "a", "b"}}) {
        const auto ended = eventy(arguments, "{}\n");
        EXPECT_EQ(ended.code, 2) << arguments.back() << ended.err;
        EXPECT_TRUE(ended.err.starts_with("eventy: ")) << ended.err;
        EXPECT_EQ(lines(ended.err).size(), 1U) << ended.err;
    }
}

TEST_F(PublishCommand, SaysWhatItCouldNotPublishWhenRedisIsFull) {
    server_.must({"CONFIG", "SET", "maxmemory", "1"});
    const auto ended = eventy({"publish", "T"}, numbered(5));
    EXPECT_EQ(ended.code, 1);
    EXPECT_NE(ended.err.find("eventy: stdin:1-5: "), std::string::npos) << ended.err;
    EXPECT_NE(ended.err.find("OOM"), std::string::npos) << ended.err;
    EXPECT_EQ(ended.out, "published no event of T\n");
}

}  // namespace
}  // namespace eventy::test
