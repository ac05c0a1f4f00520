// How the callers of one batch are told: together, each its own result, and none is ever left waiting.
#include "core/publish_unit.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace eventy::detail {
namespace {

std::chrono::steady_clock::time_point soon() { return std::chrono::steady_clock::now() + std::chrono::minutes(1); }

struct Call {
    explicit Call(std::shared_ptr<PublishRound> round)
        : ticket(std::make_shared<PublishTicket>(std::move(round))), unit(std::make_unique<PublishUnit>()) {
        unit->ticket = ticket;
    }
    std::shared_ptr<PublishTicket> ticket;
    std::unique_ptr<PublishUnit> unit;
};

TEST(PublishUnit, TellsItsCallerTheResult) {
    Call call(std::make_shared<PublishRound>());
    call.unit->answer(PublishReply{7, 8});
    const auto result = call.ticket->wait_until(soon());
    ASSERT_TRUE(result && result->ok());
    EXPECT_EQ(result->value().first_id, 7);
}

TEST(PublishUnit, IsClosedForItsCallerWhenItEndsWithoutAnAnswer) {
    Call call(std::make_shared<PublishRound>());
    std::optional<Result<PublishReply>> result;
    std::thread caller([&] { result = call.ticket->wait_until(soon()); });
    call.unit.reset();
    caller.join();
    ASSERT_TRUE(result && !result->ok());
    EXPECT_EQ(result->failure().code, errc::closed);
}

TEST(PublishUnit, TheFirstResultCounts) {
    Call call(std::make_shared<PublishRound>());
    call.ticket->keep(PublishReply{1, 1});
    call.unit.reset();  // would answer that the queue was closed
    const auto result = call.ticket->wait_until(soon());
    ASSERT_TRUE(result && result->ok());
    EXPECT_EQ(result->value().first_id, 1);
}

TEST(PublishTicket, IsAbandonedByACallerThatGaveUp) {
    Call call(std::make_shared<PublishRound>());
    EXPECT_FALSE(call.ticket->abandoned());
    EXPECT_FALSE(call.ticket->wait_until(std::chrono::steady_clock::now()));
    EXPECT_TRUE(call.ticket->abandoned());
    call.unit->answer(PublishReply{1, 1});  // too late, and harmless
}

// One wake-up is for all of a round; whoever has no result yet goes on waiting.
TEST(PublishRound, OfWhichOneIsToldKeepsTheOthersWaiting) {
    const auto round = std::make_shared<PublishRound>();
    Call first(round);
    Call second(round);
    std::atomic<bool> second_told{false};
    std::thread waits_for_first([&] { EXPECT_TRUE(first.ticket->wait_until(soon()).value().ok()); });
    std::thread waits_for_second([&] {
        EXPECT_EQ(second.ticket->wait_until(soon()).value().value().first_id, 2);
        EXPECT_TRUE(second_told);
    });
    first.unit->answer(PublishReply{1, 1});
    waits_for_first.join();
    second_told = true;
    second.unit->answer(PublishReply{2, 2});
    waits_for_second.join();
}

}  // namespace
}  // namespace eventy::detail
