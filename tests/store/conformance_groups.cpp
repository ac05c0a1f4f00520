// Several groups: each processes every event, and the status over all of them.
#include "store/store_fixture.hpp"

namespace eventy::test {

namespace {

EventStatus status_of(Session& session, EventId id) {
    const auto event = session.get_one(id);
    EXPECT_TRUE(event) << id;
    return event ? event->status : EventStatus::pending;
}

}  // namespace

TEST_P(StoreConformance, EachGroupTakesEveryEvent) {
    const auto a = open(), b = open();
    a->publish({"x", "y", "z"});
    EXPECT_EQ(ids_of(a->take(2).events), (std::vector<EventId>{1, 2}));
    EXPECT_EQ(ids_of(b->take(10, long_lease, "mail").events), (std::vector<EventId>{1, 2, 3}));
    EXPECT_EQ(ids_of(a->take(10).events), (std::vector<EventId>{3}));
    a->publish_one();
    EXPECT_EQ(ids_of(b->take(10, long_lease, "mail").events), (std::vector<EventId>{4}));
    EXPECT_EQ(ids_of(a->take(10, long_lease, "audit").events), (std::vector<EventId>{1, 2, 3, 4}));
    EXPECT_EQ(ids_of(a->take(10).events), (std::vector<EventId>{4}));
}

TEST_P(StoreConformance, AGroupsLeaseIsNothingToAnother) {
    const auto session = open();
    session->publish_one();
    const TakeReply one = session->take();
    const TakeReply two = session->take(1, long_lease, "mail");
    ASSERT_EQ(two.events.size(), 1u);
    EXPECT_FALSE(session->settle(1, one.epoch, Verdict::processed, {}, "mail"));
    EXPECT_FALSE(session->settle(1, two.epoch));
    EXPECT_FALSE(session->renew(1, two.epoch));
    EXPECT_TRUE(session->settle(1, two.epoch, Verdict::handed_back, {}, "mail"));
    EXPECT_FALSE(session->upkeep());
    EXPECT_TRUE(session->upkeep("mail"));
    EXPECT_TRUE(session->settle(1, one.epoch));
    EXPECT_EQ(ids_of(session->take(1, long_lease, "mail").events), (std::vector<EventId>{1}));
}

TEST_P(StoreConformance, WithoutAnyWorkerAnEventIsPending) {
    const auto session = open();
    session->publish_one();
    EXPECT_EQ(status_of(*session, 1), EventStatus::pending);
    EXPECT_EQ(session->stats().by_status.at(EventStatus::pending), 1);
    EXPECT_EQ(session->stats().groups.size(), 1u);
    EXPECT_EQ(session->stats().groups.at("default").lag, 1);
}

TEST_P(StoreConformance, TheOverallStatusIsErrorBeforeProcessingBeforePendingBeforeProcessed) {
    // Each row: what the groups `default` and `mail` do with the event, and what it is then.
    enum class Does { nothing, holds, processes, fails, hands_back };
    struct Row {
        Does one, other;
        EventStatus overall;
    };
    using S = EventStatus;
    const std::vector<Row> rows = {{Does::nothing, Does::nothing, S::pending},
                                   {Does::holds, Does::nothing, S::processing},
                                   {Does::processes, Does::nothing, S::pending},
                                   {Does::fails, Does::nothing, S::error},
                                   {Does::hands_back, Does::nothing, S::pending},
                                   {Does::holds, Does::holds, S::processing},
                                   {Does::processes, Does::holds, S::processing},
                                   {Does::fails, Does::holds, S::error},
                                   {Does::hands_back, Does::holds, S::processing},
                                   {Does::processes, Does::processes, S::processed},
                                   {Does::fails, Does::processes, S::error},
                                   {Does::hands_back, Does::processes, S::pending},
                                   {Does::fails, Does::fails, S::error},
                                   {Does::hands_back, Does::fails, S::error},
                                   {Does::hands_back, Does::hands_back, S::pending}};
    for (std::size_t i = 0; i < 2 * rows.size(); ++i) {
        const Row& row = rows[i / 2];
        const bool swapped = i % 2 == 1;
        SCOPED_TRACE("row " + std::to_string(i / 2) + (swapped ? ", swapped" : ""));
        next_queue();
        const auto session = open();
        session->take();
        session->take(1, long_lease, "mail");
        session->publish_one();
        const auto act = [&](const std::string& group, Does does) {
            if (does == Does::nothing) {
                return;
            }
            const TakeReply taken = session->take(1, long_lease, group);
            ASSERT_EQ(ids_of(taken.events), (std::vector<EventId>{1}));
            if (does != Does::holds) {
                const Verdict verdict = does == Does::processes ? Verdict::processed
                                        : does == Does::fails   ? Verdict::failed
                                                                : Verdict::handed_back;
                EXPECT_TRUE(session->settle(1, taken.epoch, verdict, "no", group));
            }
        };
        act(swapped ? "mail" : "default", row.one);
        act(swapped ? "default" : "mail", row.other);
        EXPECT_EQ(status_of(*session, 1), row.overall);
        for (const EventStatus status : {S::pending, S::processing, S::processed, S::error}) {
            EXPECT_EQ(ids_of(session->search_all({.status = status})).size(), status == row.overall ? 1u : 0u)
                << "searching " << status;
        }
    }
}

TEST_P(StoreConformance, ANewGroupMakesWhatWasProcessedPendingAgain) {
    const auto session = open();
    session->publish({"a", "b", "c"});
    const TakeReply taken = session->take(3);
    session->settle(1, taken.epoch);
    session->settle(2, taken.epoch, Verdict::failed, "no");
    const TakeReply late = session->take(1, long_lease, "late");
    EXPECT_EQ(ids_of(late.events), (std::vector<EventId>{1})) << "it starts at the earliest event";
    EXPECT_EQ(status_of(*session, 1), EventStatus::processing);
    EXPECT_EQ(status_of(*session, 2), EventStatus::error);
    EXPECT_EQ(status_of(*session, 3), EventStatus::processing);
    session->settle(3, taken.epoch);
    EXPECT_EQ(status_of(*session, 3), EventStatus::pending);
    EXPECT_TRUE(session->settle(1, late.epoch, Verdict::processed, {}, "late"));
    EXPECT_EQ(status_of(*session, 1), EventStatus::processed);
    EXPECT_EQ(session->stats().groups.at("late").lag, 2);
}

TEST_P(StoreConformance, AGroupLosesItsOwnLeasesOnly) {
    const auto session = open();
    session->publish_one();
    const TakeReply steady = session->take();
    for (int lost = 0; lost < 3; ++lost) {
        ASSERT_EQ(session->take(1, doomed, "flaky").events.size(), 1u);
        bed().pass(doomed_for);
    }
    EXPECT_EQ(session->take(1, doomed, "flaky").refused.size(), 1u);
    EXPECT_TRUE(session->settle(1, steady.epoch));
    EXPECT_EQ(status_of(*session, 1), EventStatus::error);
    EXPECT_TRUE(session->take().events.empty());
}

TEST_P(StoreConformance, AGroupThatJoinsLaterGetsWhatAnotherOneGaveUp) {
    const auto session = open();
    session->publish({"kills its workers in one group only", "later"});
    for (int lost = 0; lost < 3; ++lost) {
        ASSERT_EQ(ids_of(session->take(1, doomed).events), std::vector<EventId>{1});
        bed().pass(doomed_for);
    }
    ASSERT_EQ(session->take(1).refused.size(), 1u);
    EXPECT_EQ(ids_of(session->take(5, long_lease, "late").events), (std::vector<EventId>{1, 2}));
}

TEST_P(StoreConformance, StatsTellEachGroupsLag) {
    const auto session = open();
    session->publish(std::vector<std::string>(10, "x"));
    const TakeReply taken = session->take(4);
    session->settle(1, taken.epoch, Verdict::handed_back);
    session->settle(2, taken.epoch);
    const TakeReply mail = session->take(3, long_lease, "mail");
    session->settle_all(mail, Verdict::processed, "mail");
    const QueueStats stats = session->stats();
    EXPECT_EQ(stats.last_id, 10);
    ASSERT_EQ(stats.groups.size(), 2u);
    EXPECT_EQ(stats.groups.at("default").lag, 7) << "six were not handed out, one was handed back";
    EXPECT_EQ(stats.groups.at("mail").lag, 7);
    EXPECT_TRUE(stats.groups.at("default").oldest_pending && stats.groups.at("mail").oldest_pending);
}

TEST_P(StoreConformance, StatsTellHowOldTheOldestPendingEventIs) {
    const auto session = open();
    EXPECT_FALSE(session->upkeep());
    EXPECT_FALSE(session->stats().groups["default"].oldest_pending);
    session->publish_one();
    bed().pass(30ms);
    session->publish_one();
    const auto age = [&] { return session->stats().groups.at("default").oldest_pending; };
    ASSERT_TRUE(age());
    EXPECT_GE(*age(), 29ms);
    const TakeReply first = session->take(1);
    const Timestamp second_at = session->get_one(2)->created_at;
    const auto left = age();
    ASSERT_TRUE(left);
    EXPECT_LE(*left, std::chrono::ceil<milliseconds>(bed().now() - second_at));
    session->settle(1, first.epoch, Verdict::handed_back);
    ASSERT_TRUE(age());
    EXPECT_GE(*age(), 29ms) << "handed back, the first is pending again";
    session->take(10);
    EXPECT_FALSE(age()) << "leased ones are left out";
}

}  // namespace eventy::test
