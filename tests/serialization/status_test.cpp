#include <gtest/gtest.h>

#include <eventy/status.hpp>
#include <sstream>

namespace eventy {
namespace {

TEST(EventStatus, HasTheWordsThatStandInRedis) {
    EXPECT_EQ(to_string(EventStatus::pending), "PENDING");
    EXPECT_EQ(to_string(EventStatus::processing), "PROCESSING");
    EXPECT_EQ(to_string(EventStatus::processed), "PROCESSED");
    EXPECT_EQ(to_string(EventStatus::error), "ERROR");
    std::ostringstream out;
    out << EventStatus::processed;
    EXPECT_EQ(out.str(), "PROCESSED");
}

TEST(EventStatus, ReadsThemInAnyCase) {
    for (const auto status :
         {EventStatus::pending, EventStatus::processing, EventStatus::processed, EventStatus::error}) {
        EXPECT_EQ(parse_event_status(to_string(status)), status);
    }
    EXPECT_EQ(parse_event_status("pending"), EventStatus::pending);
    EXPECT_EQ(parse_event_status("Error"), EventStatus::error);
    for (const auto* text : {"", "PEND", "PENDING ", "PENDINGS", "done", "P\xC3\xA4NDING"}) {
        EXPECT_EQ(parse_event_status(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace eventy
