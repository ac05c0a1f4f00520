// Every example ends with 0 and says what its comments promise, also when it runs a second time on the same server.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "examples/example_run.hpp"
#include "support/redis_server.hpp"

namespace eventy::test {
namespace {

class Examples : public ::testing::Test {
protected:
    ExampleRun run(const std::string& name, std::vector<std::string> arguments = {}) {
        return run_example(name, server_.url(), std::move(arguments));
    }

    void expect_lines(const ExampleRun& run, const std::vector<std::string>& lines) {
        EXPECT_EQ(run.code, 0) << run.output;
        for (const auto& line : lines) {
            EXPECT_TRUE(run.has_line(line)) << "no line \"" << line << "\" in:\n" << run.output;
        }
    }
    void expect_lines_beginning(const ExampleRun& run, const std::vector<std::string>& beginnings) {
        for (const auto& beginning : beginnings) {
            EXPECT_TRUE(run.has_line_beginning(beginning)) << "no line \"" << beginning << "...\" in:\n" << run.output;
        }
    }

    RedisServer server_;
};

TEST_F(Examples, Basic) {
    expect_lines(run("basic"),
                 {"published event 1", "retrieved ORD-123, PENDING", "processing ORD-123", "published 2 more",
                  "processing ORD-124", "processing ORD-125", "the handler was called 3 times",
                  "found ORD-125, PROCESSED", "found ORD-123, PROCESSED", "processed in all: 3"});
    expect_lines(run("basic"), {"published event 4", "the handler was called 3 times", "processed in all: 6"});
}

TEST_F(Examples, Manager) {
    for (int i = 0; i < 2; ++i) {
        expect_lines(run("manager"), {"registered: OrderEvent", "registered: Shipment", "shipping ORD-1 by bicycle",
                                      "shipping ORD-2 by bicycle", "shipped 2 orders"});
    }
}

TEST_F(Examples, Distributed) {
    for (int i = 0; i < 2; ++i) {
        const auto ran = run("distributed");
        expect_lines(ran, {"worker alice has started", "worker bob has started", "published 2000 jobs",
                           "processed in all: 2000"});
        expect_lines_beginning(ran, {"worker alice ends, it processed ", "worker bob ends, it processed "});
    }
}

TEST_F(Examples, DistributedRefusesWrongArguments) {
    const auto ran = run("distributed", {"sleep"});
    EXPECT_EQ(ran.code, 2);
    EXPECT_TRUE(ran.has_line_beginning("usage: example_distributed")) << ran.output;
}

TEST_F(Examples, ErrorHandling) {
    const auto ran = run("error_handling");
    expect_lines(ran, {"payment of alice: PROCESSED", "payment of bob: ERROR, cannot charge a negative amount",
                       "failed payments: 1", "get_events: not there", "search_events: 0 readable, 1 not"});
    expect_lines_beginning(ran, {"EventNotFound: event 1000000000 of PaymentEvent", "SerializationError on publish: ",
                                 "SerializationError on get_event: ", "ConnectionError: cannot reach redis 127.0.0.1:1",
                                 "code eventy:11, bad_page_id: ", "code eventy:12, closed: "});
    expect_lines(run("error_handling"), {"payment of alice: PROCESSED", "failed payments: 2"});
}

TEST_F(Examples, Retries) {
    const auto ran = run("retries");
    expect_lines(
        ran, {"by-mistake: ERROR at attempt 0, discarded by hand", "shaky: PROCESSED at attempt 2",
              "    attempt 1 failed: connection reset", "closed-today: PROCESSED at attempt 4",
              "    attempt 3 failed: the counter is closed", "nothing: ERROR at attempt 1, the amount is not positive",
              "broken: ERROR at attempt 3, internal error", "    attempt 3 failed: internal error",
              "after the mend broken: PROCESSED at attempt 1", "taken up again: 2 of 2",
              "of 2 dead letters 1 was rejected again"});
    expect_lines(run("retries"), {"shaky: PROCESSED at attempt 2", "after the mend broken: PROCESSED at attempt 1"});
}

TEST_F(Examples, CustomClient) {
    for (int i = 0; i < 2; ++i) {
        expect_lines(run("custom_client"),
                     {"invoice INV-7 over 120", "reminder for INV-6, 14 days late", "key customer-42, source web",
                      "processed 2 events of two queues on one client"});
    }
    EXPECT_TRUE(server_.keys().empty()) << "it is to use database 1, not 0";
}

TEST_F(Examples, CustomSerializer) {
    for (int i = 0; i < 2; ++i) {
        expect_lines(run("custom_serializer"), {"a picture of 16 x 4 pixels is PROCESSED, brightness 480",
                                                "as JSON 43 bytes, as MessagePack 36", "3 values from roof"});
    }
    const auto stored = server_.must({"HGET", "example-serializer:events:PictureEvent:1", "payload"}).text;
    EXPECT_TRUE(stored.starts_with("P5 16 4 255\n")) << stored;
}

TEST_F(Examples, SayWhatIsWrongWhenNoServerIsThere) {
    server_.stop();
    const auto ran = run("custom_client");  // the one that does not wait long for it
    EXPECT_EQ(ran.code, 1);
    EXPECT_TRUE(ran.has_line_beginning("cannot reach redis")) << ran.output;
}

}  // namespace
}  // namespace eventy::test
