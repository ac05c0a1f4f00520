// Histories that break a queue built in the obvious way, told in docs/histories.md: those that concern every store.
#include "store/store_fixture.hpp"

namespace eventy::test {

TEST_P(Histories, A10TwoProcessesMayHaveOneWorkerId) {
    const auto a = open(), b = open();
    const PublishRequest request{{{"x"}, {"y"}}, long_ttl, "the same"};
    for (EventId next = 1; next < 40; next += 4) {
        EXPECT_EQ(a->publish(request).first_id, next);
        EXPECT_EQ(b->publish(request).first_id, next + 2);
    }
    EXPECT_EQ(a->count(), 40);
}

TEST_P(Histories, A18WhatWaitsLongerThanItsTtlIsThereAndFoundAndCounted) {
    for (milliseconds ttl = 50ms;; ttl *= 2) {
        ASSERT_LT(ttl, patience);
        next_queue();
        const auto worker = open();
        worker->publish({"retried", "given up"}, ttl);
        const TakeReply taken = worker->take(2);
        SettleRequest request;
        request.group = "default";
        request.ttl = 6 * ttl;
        request.settlements = {{{1, taken.epoch}, Verdict::retry, "later", {}, {}, 6 * ttl},
                               {{2, taken.epoch}, Verdict::failed, "no"}};
        const Timestamp start = bed().now();
        if (taken.events.size() < 2 || worker->settle(request) != (StillHeld{true, true}) || !worker->get_one(1)) {
            continue;  // too slow for this TTL
        }
        bed().pass(3 * ttl);
        for (int i = 0; i < 5; ++i) {
            worker->upkeep();  // cleans up what is older than its TTL and gone
        }
        const auto found = worker->search_all();
        const auto pending = worker->count({.status = EventStatus::pending});
        const auto errors = worker->count({.status = EventStatus::error});
        const auto expired = worker->stats().expired;
        if (bed().now() - start > 5 * ttl) {
            continue;
        }
        EXPECT_EQ(ids_of(found), (std::vector<EventId>{2, 1}));
        EXPECT_EQ(pending, 1);
        EXPECT_EQ(errors, 1);
        EXPECT_EQ(expired, 0);
        return;
    }
}

TEST_P(Histories, B6WhatMustWaitToBeAloneIsNoMoreToTake) {
    // More of them than a take looks at: a worker that holds something can have none, and must not ask again and again.
    constexpr int in_danger = 700;
    const auto worker = open();
    worker->publish(std::vector<std::string>(in_danger, "x"));
    for (int round = 0; round < 2; ++round) {
        ASSERT_EQ(worker->take(take_of(in_danger, 0, doomed)).events.size(), static_cast<std::size_t>(in_danger));
        bed().pass(doomed_for);
    }
    const TakeReply busy = worker->take(take_of(1, 1));
    EXPECT_TRUE(busy.events.empty());
    EXPECT_TRUE(busy.alone_left);
    EXPECT_FALSE(busy.more);
    worker->publish({"y", "z"});
    const TakeReply one = worker->take(take_of(1, 1));
    EXPECT_EQ(ids_of(one.events), std::vector<EventId>{in_danger + 1});
    EXPECT_TRUE(one.more);
    EXPECT_EQ(ids_of(worker->take(take_of(1, 1)).events), std::vector<EventId>{in_danger + 2});
    EXPECT_FALSE(worker->take(take_of(1, 1)).more);
    EXPECT_TRUE(worker->take(take_of(1, 0)).alone);
}

TEST_P(Histories, B8AStormOfWhatIsDueLeavesHalfOfEachTakeToWhatIsNew) {
    constexpr int many = 100, step = 10;
    const auto worker = open();
    worker->publish(std::vector<std::string>(many, "old"));
    worker->settle_all(worker->take(many), Verdict::handed_back);
    worker->publish(std::vector<std::string>(many, "new"));
    int old_ones = 0, new_ones = 0;
    for (int i = 0; i < 2 * many / step; ++i) {
        const TakeReply taken = worker->take(step);
        ASSERT_EQ(taken.events.size(), static_cast<std::size_t>(step)) << "take " << i;
        for (const StoredEvent& event : taken.events) {
            ++(event.id <= many ? old_ones : new_ones);
        }
        EXPECT_NEAR(old_ones, new_ones, step) << "take " << i;
        worker->settle_all(taken);
    }
    EXPECT_EQ(old_ones, many);
    EXPECT_EQ(new_ones, many);
}

TEST_P(Histories, B8OneAtATimeTheyTakeTurns) {
    constexpr int many = 40;
    const auto worker = open();
    worker->publish(std::vector<std::string>(many, "old"));
    worker->settle_all(worker->take(many), Verdict::handed_back);
    worker->publish(std::vector<std::string>(many, "new"));
    int new_ones = 0;
    for (int i = 0; i < many; ++i) {
        const TakeReply taken = worker->take(1);
        ASSERT_EQ(taken.events.size(), 1U);
        new_ones += taken.events[0].id > many ? 1 : 0;
        worker->settle_all(taken);
    }
    EXPECT_GT(new_ones, 0) << "what is due lets something new pass";
    EXPECT_LT(new_ones, many) << "and the other way round";
}

TEST_P(Histories, C7ADiscardedEventThatIsTakenUpAgainReachesGroupsThatCameLater) {
    const auto worker = open();
    worker->publish({"a", "b"});
    ASSERT_EQ(worker->discard({1}), std::vector{detail::ByHand::done});
    ASSERT_EQ(ids_of(worker->take(10, long_lease, "mail").events), std::vector<EventId>{2});
    ASSERT_EQ(worker->retry({1}), std::vector{detail::ByHand::done});
    EXPECT_EQ(ids_of(worker->take(10, long_lease, "mail").events), std::vector<EventId>{1});
    EXPECT_EQ(ids_of(worker->take(10).events), (std::vector<EventId>{1, 2}));
}

}  // namespace eventy::test
