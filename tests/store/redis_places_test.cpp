// What others deleted of the sets of a group comes back , so that nothing is stranded.
#include "store/redis_fixture.hpp"

namespace eventy::test {
namespace {

class RedisPlaces : public RedisStoreTest {
protected:
    /// Takes until it has so many.
    static std::vector<StoredEvent> take_all(Session& session, std::size_t count) {
        std::vector<StoredEvent> events;
        const auto deadline = std::chrono::steady_clock::now() + patience;
        while (events.size() < count && std::chrono::steady_clock::now() < deadline) {
            auto reply = session.take(10);
            std::move(reply.events.begin(), reply.events.end(), std::back_inserter(events));
        }
        return events;
    }
    std::int64_t size_of(const std::string& set) { return redis({"ZCARD", set}).integer; }
};

TEST_F(RedisPlaces, WhatWasLeasedRunsOutAWholeLeaseLater) {
    constexpr milliseconds lease(500);
    const auto session = open();
    publish(*session, 3);
    const TakeReply taken = session->take(3, lease);
    redis({"DEL", group().leases});
    EXPECT_TRUE(session->renew(1, taken.epoch, lease)) << "who lives keeps it";
    EXPECT_TRUE(session->upkeep());
    const std::int64_t from = now_ms();
    EXPECT_TRUE(session->take(3, lease).events.empty()) << "not taken from somebody who has not renewed yet";
    EXPECT_EQ(size_of(group().leases), 3);
    for (const std::string id : {"2", "3"}) {
        EXPECT_GE(std::stoll(redis({"ZSCORE", group().leases, id}).text), from + lease.count());
    }
    EXPECT_TRUE(session->settle(2, taken.epoch));
    EXPECT_EQ(ids_of(take_all(*session, 2)), (std::vector<EventId>{1, 3}));
}

TEST_F(RedisPlaces, WhatWasDelayedIsDue) {
    const auto session = open();
    for (const std::string& deleted : {group().delayed, group().open}) {
        const auto ids = publish(*session, 3);
        const TakeReply taken = session->take(3);
        session->settle(ids[0], taken.epoch, Verdict::handed_back);
        session->retry_later(ids[1], taken.epoch, "later", milliseconds(1));
        session->settle(ids[2], taken.epoch);
        redis({"DEL", deleted});
        EXPECT_TRUE(session->upkeep());
        const auto events = take_all(*session, 2);
        EXPECT_EQ(ids_of(events), (std::vector<EventId>{ids[0], ids[1]})) << deleted;
        EXPECT_EQ(events.at(1).attempt, 2) << "with its history";
        EXPECT_EQ(redis({"EXISTS", group().delayed, group().open}).integer, 0);
        EXPECT_EQ(session->count({.status = EventStatus::processing}), 2);
        redis({"FLUSHALL"});
    }
}

/// As docs/operating-redis.md says: nothing shows that dead letters are missing, so it takes a hand.
TEST_F(RedisPlaces, DeadLettersComeBackWithTheRecordOfTheGroup) {
    const auto session = open();
    publish(*session, 4);
    const TakeReply taken = session->take(3);
    session->settle(1, taken.epoch, Verdict::failed, "no stock");
    session->settle(2, taken.epoch);
    redis({"DEL", group().dead});
    redis({"HDEL", keys().groups, "default"});
    EXPECT_EQ(ids_of(session->take(10).events), std::vector<EventId>{4}) << "3 is still held, 1 and 2 are done";
    EXPECT_EQ(ids_of(session->search_all({.status = EventStatus::error})), std::vector<EventId>{1});
    EXPECT_EQ(session->retry({1}), std::vector<detail::ByHand>{detail::ByHand::done});
    EXPECT_EQ(ids_of(session->take(10).events), std::vector<EventId>{1});
}

TEST_F(RedisPlaces, ManyComeBackInParts) {
    constexpr int many = 1700;
    const auto session = open();
    publish(*session, many);
    const std::vector<TakeReply> taken = {session->take(1000), session->take(1000)};
    for (const TakeReply& reply : taken) {
        SettleRequest request;
        request.group = "default";
        for (const StoredEvent& event : reply.events) {
            const auto delay = std::chrono::hours(event.id % 2);
            request.settlements.push_back({{event.id, reply.epoch}, Verdict::retry, "later", {}, {}, delay});
        }
        session->settle(std::move(request));
    }
    ASSERT_EQ(size_of(group().delayed), many);
    redis({"DEL", group().delayed});
    redis({"HSET", group().held, "somebody's own", "what?"});
    std::int64_t before = 0;
    int parts = 0;
    for (; size_of(group().open) > size_of(group().delayed) && parts < 20; ++parts) {
        session->take(1);
        EXPECT_LE(size_of(group().delayed) - before, 1500);
        before = size_of(group().delayed);
    }
    EXPECT_GT(parts, 1);
    EXPECT_EQ(size_of(group().open) + size_of(group().leases), many);
    EXPECT_EQ(size_of(group().delayed), size_of(group().open));
}

}  // namespace
}  // namespace eventy::test
