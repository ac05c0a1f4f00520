#include "memory/waiting_line.hpp"

#include <gtest/gtest.h>

namespace eventy::memory {
namespace {

using Woken = std::optional<WaitingLine::Waiter>;

TEST(MemoryWaitingLine, WhoWaitsLongestIsWokenAndGoesToTheEnd) {
    WaitingLine line;
    for (const WaitingLine::Waiter waiter : {1U, 2U, 3U}) {
        EXPECT_EQ(line.join(waiter), std::nullopt);
    }
    for (const WaitingLine::Waiter waiter : {1U, 2U, 3U, 1U}) {
        EXPECT_EQ(line.push(), Woken(waiter));
    }
}

TEST(MemoryWaitingLine, AMarkerThatFindsNobodyStaysOnce) {
    WaitingLine line;
    EXPECT_EQ(line.push(), std::nullopt);
    EXPECT_EQ(line.push(), std::nullopt);
    EXPECT_EQ(line.join(1), Woken(1));
    EXPECT_EQ(line.join(2), std::nullopt);
}

TEST(MemoryWaitingLine, AMarkerCanBeTakenBack) {
    WaitingLine line;
    line.push();
    line.clear();
    EXPECT_EQ(line.join(1), std::nullopt);
    EXPECT_EQ(line.push(), Woken(1));
}

TEST(MemoryWaitingLine, WhoLeftIsPassedOver) {
    WaitingLine line;
    line.join(1);
    line.join(2);
    line.leave(1);
    line.leave(7);
    EXPECT_EQ(line.push(), Woken(2));
    line.leave(2);
    EXPECT_EQ(line.push(), std::nullopt);
}

}  // namespace
}  // namespace eventy::memory
