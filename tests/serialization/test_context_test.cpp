#include <gtest/gtest.h>

#include <eventy/error.hpp>
#include <eventy/records.hpp>
#include <eventy/testing.hpp>

namespace {

using namespace std::chrono_literals;

void handle(const eventy::QueueEvent<std::string>& event, eventy::Context& context) {
    context.report_progress(0.5, "half of " + event.payload);
    context.extend(30s);
    if (!context.stop_token().stop_requested()) {
        context.report_progress(1);
    }
}

TEST(TestContext, RecordsWhatAHandlerTells) {
    eventy::TestContext context;
    handle({.payload = "it"}, context);
    ASSERT_EQ(context.progress().size(), 2U);
    EXPECT_EQ(context.progress()[0].fraction, 0.5);
    EXPECT_EQ(context.progress()[0].note, "half of it");
    EXPECT_EQ(context.progress()[1].fraction, 1);
    EXPECT_EQ(context.extensions(), std::vector<std::chrono::milliseconds>{30s});
}

TEST(TestContext, SaysWhatTheTestSets) {
    eventy::testing::TestContext context;
    EXPECT_EQ(context.attempt(), 1);
    context.set_attempt(3);
    context.set_epoch(42);
    context.set_worker_id("w");
    eventy::Context& seen = context;
    EXPECT_EQ(seen.attempt(), 3);
    EXPECT_EQ(seen.epoch(), 42);
    EXPECT_EQ(seen.worker_id(), "w");
}

TEST(TestContext, AsksToStop) {
    eventy::TestContext context;
    const std::stop_token token = context.stop_token();
    EXPECT_FALSE(token.stop_requested());
    context.request_stop();
    EXPECT_TRUE(token.stop_requested());
    handle({.payload = "it"}, context);
    EXPECT_EQ(context.progress().size(), 1U);
}

TEST(TestContext, FailsOnDemand) {
    eventy::TestContext context;
    context.fail_with(std::make_exception_ptr(eventy::LeaseLost(eventy::errc::lease_lost, "taken")));
    EXPECT_THROW(context.extend(1s), eventy::LeaseLost);
    EXPECT_THROW(context.report_progress(1), eventy::LeaseLost);
    EXPECT_TRUE(context.extensions().empty());
    context.fail_with(nullptr);
    EXPECT_NO_THROW(context.extend(1s));
}

}  // namespace
