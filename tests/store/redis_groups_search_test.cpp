// Search and counts by the status over several groups: against brute force, and what they cost.
#include <algorithm>
#include <optional>
#include <random>

#include "store/brute_force.hpp"
#include "store/redis_fixture.hpp"

namespace eventy::test {
namespace {

class RedisGroupsSearch : public RedisStoreTest {
protected:
    void publish_many(Session& session, int count) {
        for (; count > 0; count -= 1000) {
            publish(session, std::min(count, 1000));
        }
    }

    /// Takes `count` events of the group and ends their leases so; with no verdict they stay leased.
    void move_on(Session& session, const std::string& group, int count, std::optional<Verdict> verdict) {
        for (; count > 0; count -= 1000) {
            TakeReply taken = session.take(std::min(count, 1000), long_lease, group);
            if (verdict && !taken.events.empty()) {
                session.settle_all(taken, *verdict, group);
            }
        }
    }

    /// Runs of each of these in the group, and what it did not come to. Those that are handed back come last, so that
    /// no take finds them.
    void lay_out(Session& session, const std::string& group, int count, int longest_run, std::mt19937& random) {
        std::vector<Settlement> back;
        while (count > 0) {
            const int run = std::min(count, 1 + static_cast<int>(random() % static_cast<unsigned>(longest_run)));
            const auto what = random() % 5;
            const TakeReply taken = session.take(run, long_lease, group);
            if (what < 3 && !taken.events.empty()) {
                session.settle_all(taken, what == 2 ? Verdict::failed : Verdict::processed, group);
            }
            for (const StoredEvent& event : taken.events) {
                if (what == 3) {
                    back.push_back({{event.id, taken.epoch}, Verdict::handed_back});
                }
            }
            count -= run;
        }
        if (!back.empty()) {
            SettleRequest request;
            request.group = group;
            request.settlements = back;
            session.settle(request);
        }
    }

    void compare(Session& session, std::mt19937& random) {
        const auto everything = look_at_everything(session, session.stats().last_id);
        const auto any_time = [&] { return everything[random() % everything.size()].created_at; };
        const QueueStats stats = session.stats();
        for (const EventStatus status : all_statuses) {
            const auto expected = ids_of(matching(everything, {.status = status}));
            ASSERT_EQ(ids_of(session.search_all({.status = status}, 100)), expected) << status;
            ASSERT_EQ(session.count({.status = status}), static_cast<std::int64_t>(expected.size())) << status;
            ASSERT_EQ(stats.by_status.at(status), static_cast<std::int64_t>(expected.size())) << status;
        }
        ASSERT_EQ(session.count(), static_cast<std::int64_t>(everything.size()));
        for (int i = 0; i < 12; ++i) {
            EventFilter filter{any_time(), any_time(), all_statuses[random() % 4]};
            if (random() % 3 == 0) {
                filter.created_at_min.reset();
            } else if (random() % 3 == 0) {
                filter.created_at_max.reset();
            }
            const auto expected = ids_of(matching(everything, filter));
            const auto limit = 7 + static_cast<std::int64_t>(random() % 200);
            ASSERT_EQ(ids_of(session.search_all(filter, limit)), expected) << *filter.status << ", pages of " << limit;
            ASSERT_EQ(session.count(filter), static_cast<std::int64_t>(expected.size())) << *filter.status;
        }
    }

    std::int64_t script_calls() { return calls_of("evalsha") + calls_of("eval"); }
};

TEST_F(RedisGroupsSearch, RandomLayoutsEqualBruteForce) {
    std::mt19937 random(11);
    const auto session = open();
    const std::vector<std::string> names{"default", "mail", "audit", "stock"};
    for (int layout = 0; layout < 40; ++layout) {
        SCOPED_TRACE("layout " + std::to_string(layout));
        redis({"FLUSHALL"});
        LogCapture quiet;
        const int count = 1 + static_cast<int>(random() % 600);
        publish_many(*session, count);
        const std::size_t groups = 2 + random() % 3;
        for (std::size_t i = 0; i < groups; ++i) {
            const int reached = static_cast<int>(random() % static_cast<unsigned>(count + 1));
            lay_out(*session, names[i], random() % 3 == 0 ? count : reached, layout % 2 == 0 ? 6 : 150, random);
        }
        for (int i = 0; i < 10; ++i) {  // also beyond the cursors
            session->discard({1 + static_cast<EventId>(random() % static_cast<unsigned>(count))});
        }
        compare(*session, random);
        if (HasFailure()) {
            return;
        }
    }
}

TEST_F(RedisGroupsSearch, ManyExceptionsAreCountedInSeveralCalls) {
    std::mt19937 random(12);
    const auto session = open();
    session->take(1, long_lease, "mail");
    publish_many(*session, 9'000);
    for (int i = 0; i < 3; ++i) {
        move_on(*session, "default", 1'000, Verdict::failed);
        move_on(*session, "default", 500, Verdict::processed);
        move_on(*session, "default", 1, std::nullopt);
        move_on(*session, "mail", 700, Verdict::processed);
        move_on(*session, "mail", 1'100, Verdict::failed);
        move_on(*session, "mail", 1, std::nullopt);
    }
    compare(*session, random);
    redis({"CONFIG", "RESETSTAT"});
    EXPECT_GT(session->count({.status = EventStatus::error}), 3'000);
    EXPECT_GT(script_calls(), 1);
    EXPECT_LE(script_calls(), 5);
    EXPECT_LE(calls_of("zscore"), 7'000) << "each one once";
}

TEST_F(RedisGroupsSearch, ADeadLetterBeyondTheCursorsCountsOnceTowardsAnotherCall) {
    const auto session = open();
    publish_many(*session, 3000);
    move_on(*session, "default", 900, Verdict::failed);
    move_on(*session, "default", 2100, Verdict::processed);
    move_on(*session, "mail", 400, Verdict::failed);
    move_on(*session, "audit", 100, Verdict::processed);
    session->count({.status = EventStatus::pending});  // which loads the script
    redis({"CONFIG", "RESETSTAT"});
    EXPECT_EQ(session->count({.status = EventStatus::pending}), 3000 - 900);
    EXPECT_EQ(script_calls(), 1) << "of 800 and 300, with a limit of 2,000";
}

TEST_F(RedisGroupsSearch, ManyLeasesAreCountedInSeveralCalls) {
    std::mt19937 random(13);
    const auto session = open();
    session->take(1, long_lease, "mail");
    publish_many(*session, 12'000);
    move_on(*session, "default", 5'000, std::nullopt);
    move_on(*session, "default", 2'000, Verdict::failed);
    move_on(*session, "mail", 1'500, Verdict::processed);
    redis({"CONFIG", "RESETSTAT"});
    EXPECT_EQ(session->count({.status = EventStatus::processing}), 5'000);
    EXPECT_LE(script_calls(), 7) << "the leases are read";
    compare(*session, random);
    move_on(*session, "mail", 4'500, std::nullopt);  // more than are read: the index is looked through
    compare(*session, random);
}

TEST_F(RedisGroupsSearch, CountsAndPagesCostWhatStandsOutNotTheQueue) {
    const auto session = open();
    session->take(1, long_lease, "mail");
    publish_many(*session, 30'000);
    move_on(*session, "default", 30'000, Verdict::processed);
    move_on(*session, "mail", 5'000, Verdict::processed);
    move_on(*session, "mail", 30, Verdict::failed);
    move_on(*session, "mail", 5'000, Verdict::processed);
    move_on(*session, "mail", 20, std::nullopt);
    const std::vector<std::string> looks{"zscore", "zcount", "zrangebyscore", "zrevrangebyscore", "zrange", "hmget"};
    const auto cost = [&](const std::string& what, std::int64_t most_commands, const std::function<void()>& call) {
        redis({"CONFIG", "RESETSTAT"});
        call();
        EXPECT_EQ(script_calls(), 1) << what;
        std::int64_t looked = 0;
        for (const std::string& command : looks) {
            looked += calls_of(command);
        }
        EXPECT_LE(looked, most_commands) << what;
    };
    const std::map<EventStatus, std::int64_t> expected{{EventStatus::pending, 19'950},
                                                       {EventStatus::processing, 20},
                                                       {EventStatus::processed, 10'000},
                                                       {EventStatus::error, 30}};
    (void)session->search({{.status = EventStatus::error}, std::nullopt, 1});  // the scripts are loaded now
    (void)session->count();
    (void)session->stats();
    for (const auto& [status, count] : expected) {
        const EventFilter filter{.status = status};
        cost("count", 150, [&] { EXPECT_EQ(session->count(filter), count) << status; });
        cost("page", 450, [&] {
            const SearchReply page = session->search({filter, std::nullopt, 50});
            EXPECT_EQ(page.events.size(), static_cast<std::size_t>(std::min<std::int64_t>(count, 50))) << status;
        });
    }
    cost("stats", 150, [&] { EXPECT_EQ(session->stats().by_status, expected); });
    cost("all", 50, [&] { EXPECT_EQ(session->count(), 30'000); });
}

TEST_F(RedisGroupsSearch, WhatIsGoneFromTheIndexIsNotCountedThoughASetStillHasIt) {
    const auto session = open();
    session->take(1, long_lease, "mail");
    publish(*session, 9);
    move_on(*session, "mail", 4, Verdict::failed);
    move_on(*session, "default", 9, std::nullopt);
    for (const EventId id : {3, 4, 8, 9}) {
        redis({"DEL", event_key(id)});
        redis({"ZREM", keys().index, std::to_string(id)});
        redis({"HINCRBY", keys().meta, "indexed", "-1"});
    }
    EXPECT_EQ(session->count({.status = EventStatus::error}), 2);
    EXPECT_EQ(session->count({.status = EventStatus::processing}), 3);
    EXPECT_EQ(session->count({.status = EventStatus::pending}), 0);
    EXPECT_EQ(session->count(), 5);
    EXPECT_EQ(ids_of(session->search_all({.status = EventStatus::error})), (std::vector<EventId>{2, 1}));
    EXPECT_EQ(ids_of(session->search_all({.status = EventStatus::processing})), (std::vector<EventId>{7, 6, 5}));
}

TEST_F(RedisGroupsSearch, ManyEventsThatNoGroupHasReachedAreCountedInOneCall) {
    const auto session = open();
    publish_many(*session, 5'000);
    session->take(1, long_lease, "mail");
    session->take(1, long_lease, "default");
    redis({"CONFIG", "RESETSTAT"});
    EXPECT_EQ(session->count({.status = EventStatus::pending}), 4'999);
    EXPECT_EQ(session->stats().by_status.at(EventStatus::pending), 4'999);
    EXPECT_EQ(session->count(), 5'000);
    EXPECT_LE(script_calls(), 5) << "one each, and what loads a script";
}

}  // namespace
}  // namespace eventy::test
