// Search and counts against brute force (history A14), and that their cost is bounded.
#include <algorithm>
#include <array>
#include <random>

#include "store/redis_fixture.hpp"

namespace eventy::test {
namespace {

class RedisSearch : public RedisStoreTest {
protected:
    /// A queue of `count` events in runs: processed, dead, handed back, leased; the rest beyond the cursor.
    void lay_out(Session& session, int count, int beyond, std::mt19937& random, int longest_run) {
        while (count > 0) {
            const int some = std::min(count, 1000);
            publish(session, some);
            count -= some;
        }
        const auto total = static_cast<int>(session.stats().last_id);
        int left = total - beyond;
        std::vector<Settlement> back;
        while (left > 0) {
            const int run = std::min({left, 1 + static_cast<int>(random() % static_cast<unsigned>(longest_run)), 1000});
            const auto what = random() % 4;
            const TakeReply taken = session.take(run, long_lease);
            ASSERT_EQ(taken.events.size(), static_cast<std::size_t>(run));
            for (const StoredEvent& event : taken.events) {
                statuses_[event.id] = what == 0   ? EventStatus::processed
                                      : what == 1 ? EventStatus::error
                                      : what == 2 ? EventStatus::processing
                                                  : EventStatus::pending;
            }
            if (what == 0) {
                session.settle_all(taken);
            } else if (what == 1) {
                session.settle_all(taken, Verdict::failed);
            } else if (what == 3) {
                for (const StoredEvent& event : taken.events) {
                    back.push_back({{event.id, taken.epoch}, Verdict::handed_back});
                }
            }
            left -= run;
        }
        for (EventId id = total - beyond + 1; id <= total; ++id) {
            statuses_[id] = EventStatus::pending;
        }
        if (!back.empty()) {
            SettleRequest request;
            request.group = "default";
            request.settlements = back;
            session.settle(request);
        }
    }

    std::vector<EventId> expected(EventStatus status, EventId from, EventId to) const {
        std::vector<EventId> ids;
        for (auto entry = statuses_.rbegin(); entry != statuses_.rend(); ++entry) {
            if (entry->second == status && entry->first >= from && entry->first <= to) {
                ids.push_back(entry->first);
            }
        }
        return ids;
    }

    void compare(Session& session, std::mt19937& random) {
        const auto total = static_cast<EventId>(statuses_.size());
        for (const EventStatus status : all) {
            ASSERT_EQ(ids_of(session.search_all({.status = status}, 100)), expected(status, 1, total)) << status;
            ASSERT_EQ(session.count({.status = status}), static_cast<std::int64_t>(expected(status, 1, total).size()))
                << status;
            EventId from = 1 + static_cast<EventId>(random() % static_cast<unsigned>(total));
            EventId to = 1 + static_cast<EventId>(random() % static_cast<unsigned>(total));
            if (from > to) {
                std::swap(from, to);
            }
            const auto ends = session.get({from, to});
            const EventFilter filter{ends[0]->created_at, ends[1]->created_at, status};
            ASSERT_EQ(ids_of(session.search_all(filter, 7 + static_cast<std::int64_t>(random() % 200))),
                      expected(status, from, to))
                << status << " from " << from << " to " << to;
            ASSERT_EQ(session.count(filter), static_cast<std::int64_t>(expected(status, from, to).size()))
                << status << " from " << from << " to " << to;
        }
    }

    static constexpr std::array all = {EventStatus::pending, EventStatus::processing, EventStatus::processed,
                                       EventStatus::error};
    std::map<EventId, EventStatus> statuses_;
};

TEST_F(RedisSearch, RandomLayoutsEqualBruteForce) {
    std::mt19937 random(7);
    const auto session = open();
    for (int layout = 0; layout < 40; ++layout) {
        SCOPED_TRACE("layout " + std::to_string(layout));
        redis({"FLUSHALL"});
        statuses_.clear();
        LogCapture quiet;
        const int count = 1 + static_cast<int>(random() % 700);
        lay_out(*session, count, static_cast<int>(random() % static_cast<unsigned>(count + 1)), random,
                layout % 3 == 0   ? 5
                : layout % 3 == 1 ? 60
                                  : 400);
        compare(*session, random);
        if (HasFailure()) {
            return;
        }
    }
}

TEST_F(RedisSearch, LongRunsOfExceptionsAreJumpedOver) {
    const auto session = open();
    for (int i = 0; i < 20; ++i) {
        publish(*session, 1000);
    }
    // One processed among 20,000: the rest is dead, handed back, leased.
    std::vector<TakeReply> leased;
    for (int i = 0; i < 20; ++i) {
        const TakeReply taken = session->take(1000, long_lease);
        if (i < 8) {
            session->settle_all(taken, Verdict::failed);
        } else if (i == 8) {
            session->settle(8'500, taken.epoch);
        } else if (i < 14) {
            leased.push_back(taken);
        }
    }
    for (const TakeReply& taken : leased) {
        session->settle_all(taken, Verdict::handed_back);
    }
    redis({"CONFIG", "RESETSTAT"});
    EXPECT_EQ(ids_of(session->search_all({.status = EventStatus::processed})), std::vector<EventId>{8'500});
    EXPECT_LE(calls_of("evalsha") + calls_of("eval"), 5);
    EXPECT_LE(calls_of("zscore"), 7000 + 500) << "each lease once, the others not one by one";
    EXPECT_EQ(session->count({.status = EventStatus::processed}), 1);
}

TEST_F(RedisSearch, ALeaseOfAnEventThatIsGoneHidesNoOther) {
    constexpr EventId processed = 60, gone = 61;
    const auto session = open();
    publish(*session, 200);
    const TakeReply taken = session->take(200);
    SettleRequest request;
    request.group = "default";
    for (const StoredEvent& event : taken.events) {
        if (event.id != gone) {
            const auto verdict = event.id == processed ? Verdict::processed : Verdict::failed;
            request.settlements.push_back({{event.id, taken.epoch}, verdict});
        }
    }
    session->settle(std::move(request));
    // As the clean-up leaves an event that expired after its worker had died.
    redis({"DEL", event_key(gone)});
    redis({"ZREM", keys().index, std::to_string(gone)});
    redis({"HINCRBY", keys().meta, "indexed", "-1"});
    EXPECT_EQ(ids_of(session->search({{.status = EventStatus::processed}, {}, 5}).events),
              std::vector<EventId>{processed});
}

TEST_F(RedisSearch, SeveralGroupsAreFilteredByTheOverallStatus) {
    const auto session = open();
    publish(*session, 5'00);
    session->take(1, long_lease, "mail");
    TakeReply taken = session->take(300);
    session->settle_all(taken);
    taken = session->take(200, long_lease, "mail");
    session->settle_all(taken, Verdict::processed, "mail");
    // mail: 1 is leased, 2 to 201 are done, the rest pending; default: 1 to 300 are done, the rest pending.
    EXPECT_EQ(session->search_all({.status = EventStatus::processed}, 30).size(), 200u);
    EXPECT_EQ(session->search_all({.status = EventStatus::pending}, 30).size(), 299u);
    EXPECT_EQ(ids_of(session->search_all({.status = EventStatus::processing}, 30)), std::vector<EventId>{1});
    EXPECT_EQ(session->count({.status = EventStatus::processed}), 200);
    const QueueStats stats = session->stats();
    EXPECT_EQ(stats.by_status.at(EventStatus::pending), 299);
    EXPECT_EQ(stats.by_status.at(EventStatus::processing), 1);
}

TEST_F(RedisSearch, LargeAnswersComeInSeveralReplies) {
    const auto session = open({}, {.max_payload_bytes = 100'000}, {.reply_bytes = 10'000});
    std::vector<std::string> payloads;
    for (int i = 0; i < 50; ++i) {
        payloads.emplace_back(3'000, static_cast<char>('a' + i % 26));
    }
    session->publish(payloads);
    std::vector<EventId> ids;
    for (EventId id = 1; id <= 50; ++id) {
        ids.push_back(id);
    }
    const auto events = session->get(ids);
    for (std::size_t i = 0; i < 50; ++i) {
        ASSERT_TRUE(events[i]);
        EXPECT_EQ(events[i]->payload, payloads[i]);
    }
    EXPECT_EQ(session->search_all({}, 50).size(), 50u);
    const SearchReply page = session->search({{}, std::nullopt, 50});
    EXPECT_LT(page.events.size(), 50u) << "a page keeps to the bytes of one reply";
    EXPECT_GE(page.events.size(), 3u);
}

TEST_F(RedisSearch, BothEndsOfATimeRangeBelongToIt) {
    const auto session = open();
    publish(*session, 3);
    const Timestamp at = session->get_one(2)->created_at;
    EXPECT_EQ(ids_of(session->search_all({at, at, {}})), std::vector<EventId>{2});
    EXPECT_EQ(session->count({at, at, {}}), 1);
    EXPECT_TRUE(session->search_all({at + std::chrono::microseconds(10'000'000), at, {}}).empty());
    EXPECT_EQ(session->count({at + std::chrono::microseconds(1), at, {}}), 0);
    const auto century = std::chrono::hours(24 * 36'500);
    EXPECT_EQ(session->count({at - century, at + century, {}}), 3);
    EXPECT_EQ(session->count({Timestamp() - century, Timestamp() - std::chrono::hours(1), {}}), 0);
}

}  // namespace
}  // namespace eventy::test
