// The queue in memory at exact times: what ends at a moment, ends at that moment.
#include "memory/queue_state.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace eventy::memory {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t start = 1'700'000'000'000'000, ms = 1000;

PublishReply publish(QueueState& queue, std::int64_t now, int count = 1, milliseconds ttl = 1h) {
    PublishRequest request;
    request.events.resize(static_cast<std::size_t>(count));
    request.ttl = ttl;
    request.worker_id = "publisher";
    return queue.publish(std::move(request), now);
}

TakeRequest taking(int max, milliseconds lease, const std::string& group = "default") {
    TakeRequest request;
    request.group = group;
    request.max = max;
    request.lease = lease;
    request.ttl = 1h;
    request.worker_id = "worker";
    request.max_lost_leases = 1000;  // the limit has cases in the conformance suite
    return request;
}

bool settle(QueueState& queue, std::int64_t now, Lease lease, Verdict verdict = Verdict::processed,
            milliseconds ttl = 1h) {
    SettleRequest request;
    request.group = "default";
    request.worker_id = "worker";
    request.ttl = ttl;
    request.settlements = {{lease, verdict, "no"}};
    return queue.settle(request, now).at(0);
}

std::vector<EventId> ids(const TakeReply& reply) {
    std::vector<EventId> list;
    for (const StoredEvent& event : reply.events) {
        list.push_back(event.id);
    }
    return list;
}

using Ids = std::vector<EventId>;

TEST(MemoryQueueState, StampsFollowTheClockButNeverStandStillNorGoBack) {
    QueueState queue;
    EXPECT_EQ(publish(queue, start, 3).first_us, start);
    EXPECT_EQ(publish(queue, start).first_us, start + 3);
    EXPECT_EQ(publish(queue, start - 1000 * ms).first_us, start + 4) << "the clock went back";
    EXPECT_EQ(publish(queue, start + 1).first_us, start + 5);
    EXPECT_EQ(publish(queue, start + ms).first_us, start + ms);
}

TEST(MemoryQueueState, EpochsFollowTheClockButNeverStandStillNorGoBack) {
    QueueState queue;
    publish(queue, start, 5);
    EXPECT_EQ(queue.take(taking(1, 1h), start + 10).epoch, start + 10);
    EXPECT_EQ(queue.take(taking(1, 1h), start + 10).epoch, start + 11);
    EXPECT_EQ(queue.take(taking(1, 1h), start).epoch, start + 12);
    EXPECT_EQ(queue.take(taking(1, 1h), start + ms).epoch, start + ms);
}

TEST(MemoryQueueState, ALeaseEndsAtItsDeadline) {
    QueueState queue;
    publish(queue, start);
    queue.take(taking(1, 10ms), start);
    EXPECT_FALSE(queue.upkeep({"default", {}, 0ms}, start + 10 * ms - 1).takeable);
    EXPECT_TRUE(queue.take(taking(1, 10ms), start + 10 * ms - 1).events.empty());
    EXPECT_TRUE(queue.upkeep({"default", {}, 0ms}, start + 10 * ms).takeable);
    EXPECT_EQ(ids(queue.take(taking(1, 10ms), start + 10 * ms)), Ids{1});
}

TEST(MemoryQueueState, RenewingCountsFromNowAndNeverShortens) {
    QueueState queue;
    publish(queue, start);
    const Lease lease{1, queue.take(taking(1, 10ms), start).epoch};
    EXPECT_EQ(queue.renew({"default", 10ms, {lease}}, start + 5 * ms), StillHeld{true});
    EXPECT_EQ(queue.renew({"default", 1ms, {lease}}, start + 6 * ms), StillHeld{true});
    EXPECT_TRUE(queue.take(taking(1, 10ms), start + 15 * ms - 1).events.empty());
    EXPECT_EQ(ids(queue.take(taking(1, 10ms), start + 15 * ms)), Ids{1});
}

TEST(MemoryQueueState, OverdueLeasesComeByDeadlineThenById) {
    QueueState queue;
    publish(queue, start, 12);
    queue.take(taking(2, 30ms), start);  // 1, 2
    queue.take(taking(9, 20ms), start);  // 3 to 11
    queue.take(taking(1, 10ms), start);  // 12
    EXPECT_EQ(ids(queue.take(taking(100, 1h), start + 30 * ms)), (Ids{12, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2}));
}

TEST(MemoryQueueState, WhatCameBackLeavesHalfOfATakeToWhatIsNew) {
    QueueState queue;
    publish(queue, start, 10);
    const TakeReply taken = queue.take(taking(6, 1h), start);
    for (EventId id = 1; id <= 6; ++id) {
        ASSERT_TRUE(settle(queue, start, {id, taken.epoch}, Verdict::handed_back));
    }
    EXPECT_EQ(ids(queue.take(taking(4, 1h), start + 2)), (Ids{1, 2, 7, 8}));
    EXPECT_EQ(ids(queue.take(taking(3, 1h), start + 5)), (Ids{3, 4, 9}));
    EXPECT_EQ(ids(queue.take(taking(1, 1h), start + 7)), (Ids{5})) << "takes of one alternate";
    EXPECT_EQ(ids(queue.take(taking(1, 1h), start + 8)), (Ids{10}));
    EXPECT_EQ(ids(queue.take(taking(4, 1h), start + 10)), (Ids{6})) << "nothing is new";
}

TEST(MemoryQueueState, AnEventExpiresAtItsTime) {
    QueueState queue;
    publish(queue, start, 1, 10ms);
    EXPECT_TRUE(queue.get({1}, start + 10 * ms - 1).at(0));
    EXPECT_FALSE(queue.get({1}, start + 10 * ms).at(0));
    EXPECT_EQ(queue.stats(start + 10 * ms).expired, 1);
    EXPECT_EQ(queue.take(taking(1, 1h), start + 10 * ms).expired, 1);
    EXPECT_EQ(queue.take(taking(1, 1h), start + 10 * ms).expired, 0) << "each is told once";
}

TEST(MemoryQueueState, ARenewalKeepsTheEventForTwoLeasesAndNoLongTtlIsCut) {
    QueueState queue;
    publish(queue, start, 1, 25ms);
    publish(queue, start, 1, 1h);
    const std::int64_t epoch = queue.take(taking(2, 10ms), start).epoch;
    queue.renew({"default", 10ms, {{1, epoch}, {2, epoch}}}, start + 4 * ms);
    EXPECT_TRUE(queue.get({1}, start + 25 * ms - 1).at(0)) << "more than two leases were left: nothing to do";
    queue.renew({"default", 10ms, {{1, epoch}, {2, epoch}}}, start + 6 * ms);
    EXPECT_TRUE(queue.get({1}, start + 26 * ms - 1).at(0));
    EXPECT_FALSE(queue.get({1}, start + 26 * ms).at(0));
    EXPECT_TRUE(queue.get({2}, start + 3599 * 1000 * ms).at(0));
}

TEST(MemoryQueueState, ADeadEventIsKeptFromItsDeath) {
    QueueState queue;
    publish(queue, start, 1, 10ms);
    const Lease lease{1, queue.take(taking(1, 1h), start).epoch};
    ASSERT_TRUE(settle(queue, start + 5 * ms, lease, Verdict::failed, 10ms));
    EXPECT_TRUE(queue.get({1}, start + 15 * ms - 1).at(0));
    EXPECT_FALSE(queue.get({1}, start + 15 * ms).at(0));
    const QueueStats stats = queue.stats(start + 15 * ms);
    EXPECT_EQ(stats.by_status.at(EventStatus::error), 0);
    EXPECT_EQ(stats.expired, 0);
}

TEST(MemoryQueueState, SubscribersGoAtTheirTime) {
    QueueState queue;
    SubscriberInfo info;
    info.id = "s";
    queue.upkeep({"default", {info}, 10ms}, start);
    EXPECT_TRUE(queue.subscriber("s", start + 10 * ms - 1));
    EXPECT_FALSE(queue.subscriber("s", start + 10 * ms));
    EXPECT_EQ(queue.stats(start + 10 * ms).subscribers, 0);
}

TEST(MemoryQueueState, OnlyAnIdleGroupIsSignalled) {
    QueueState queue;
    publish(queue, start);
    EXPECT_TRUE(queue.take_signals().wake.empty()) << "nobody waits yet";
    queue.take(taking(1, 1h), start);
    Signals signals = queue.take_signals();
    EXPECT_TRUE(signals.wake.empty());
    EXPECT_EQ(signals.quiet, std::vector<std::string>{"default"});
    publish(queue, start);
    EXPECT_EQ(queue.take_signals().wake, std::vector<std::string>{"default"});
    publish(queue, start);
    EXPECT_TRUE(queue.take_signals().wake.empty()) << "somebody is on the way already";
    queue.take(taking(1, 1h), start);
    EXPECT_EQ(queue.take_signals().wake, std::vector<std::string>{"default"}) << "it left something";
    publish(queue, start);
    EXPECT_TRUE(queue.take_signals().wake.empty()) << "the next is on the way already";
    const std::int64_t epoch = queue.take(taking(10, 1h), start).epoch;
    queue.take_signals();
    ASSERT_TRUE(settle(queue, start, {3, epoch}, Verdict::handed_back));
    EXPECT_EQ(queue.take_signals().wake, std::vector<std::string>{"default"});
    ASSERT_TRUE(settle(queue, start, {4, epoch}, Verdict::handed_back));
    EXPECT_TRUE(queue.take_signals().wake.empty());
}

// The final status of two groups is told once, when the last of them is done; ERROR at once.
TEST(MemoryQueueState, TheFinalStatusIsToldWhenItIsOne) {
    QueueState queue;
    publish(queue, start, 2);
    const TakeReply one = queue.take(taking(2, 1h), start), two = queue.take(taking(2, 1h, "mail"), start);
    queue.take_signals();
    settle(queue, start, {1, one.epoch});
    settle(queue, start, {2, one.epoch}, Verdict::failed);
    auto notices = queue.take_signals().notices;
    ASSERT_EQ(notices.size(), 1u);
    EXPECT_EQ(notices[0].event_id, 2);
    EXPECT_EQ(notices[0].status, EventStatus::error);
    SettleRequest request;
    request.group = "mail";
    request.worker_id = "worker";
    request.settlements = {{{1, two.epoch}, Verdict::processed}, {{2, two.epoch}, Verdict::processed}};
    queue.settle(request, start);
    notices = queue.take_signals().notices;
    ASSERT_EQ(notices.size(), 1u);
    EXPECT_EQ(notices[0].event_id, 1);
    EXPECT_EQ(notices[0].status, EventStatus::processed);
}

/// The same transitions, written as plainly as can be: every call looks at every event.
struct Plain {
    struct Entry {
        std::int64_t us = 0, expires = 0;
        bool there = true, passed = false, leased = false, delayed = false, dead = false;
        std::int64_t epoch = 0, until = 0;
        int lost = 0;
    };
    std::vector<Entry> events = {};
    std::size_t cursor = 0;  // what is new lies behind it, and what is gone
    std::int64_t last_us = 0, last_epoch = 0, expired = 0;

    void expire(std::int64_t now) {
        for (Entry& event : events) {
            if (event.there && event.expires <= now) {
                event.there = event.dead = false;
                expired += !event.passed || event.delayed ? 1 : 0;
                event.passed = true;
                event.delayed = false;
            }
            if (!event.there && event.leased && event.until <= now) {
                event.leased = false;
                ++expired;
            }
        }
    }
    bool takeable(std::int64_t now) const {
        return std::any_of(events.begin(), events.end(), [now](const Entry& event) {
            return event.there && (!event.passed || event.delayed || (event.leased && event.until <= now));
        });
    }
    Ids take(int max, std::int64_t lease, std::int64_t now, Ids& refused) {
        expire(now);
        std::vector<std::pair<std::int64_t, std::size_t>> overdue;
        Ids delayed, fresh, taken;
        for (std::size_t i = 0; i < events.size(); ++i) {
            const Entry& event = events[i];
            if (event.leased && event.until <= now) {
                overdue.emplace_back(event.until, i);
            } else if (event.delayed) {
                delayed.push_back(static_cast<EventId>(i + 1));
            } else if (event.there && !event.passed) {
                fresh.push_back(static_cast<EventId>(i + 1));
            }
        }
        std::sort(overdue.begin(), overdue.end());
        const auto limit = static_cast<std::size_t>(max);
        for (const auto& [until, i] : overdue) {
            if (taken.size() == limit) {
                break;
            }
            Entry& event = events[i];
            if (++event.lost == 1000) {
                event.leased = false;
                event.dead = true;
                refused.push_back(static_cast<EventId>(i + 1));
            } else {
                taken.push_back(static_cast<EventId>(i + 1));
            }
        }
        const std::int64_t epoch = std::max(last_epoch + 1, now);
        std::size_t share = cursor == events.size() ? limit : static_cast<std::size_t>((max + epoch % 2) / 2);
        std::size_t next_due = 0;
        for (; next_due < delayed.size() && share > 0 && taken.size() < limit; ++next_due, --share) {
            taken.push_back(delayed[next_due]);
        }
        for (std::size_t i = 0; i < fresh.size() && taken.size() < limit; ++i) {
            taken.push_back(fresh[i]);
            cursor = static_cast<std::size_t>(fresh[i]);
        }
        if (taken.size() < limit) {
            cursor = events.size();
        }
        for (; next_due < delayed.size() && taken.size() < limit; ++next_due) {
            taken.push_back(delayed[next_due]);
        }
        for (const EventId id : taken) {
            Entry& event = events[static_cast<std::size_t>(id - 1)];
            event.passed = event.leased = true;
            event.delayed = false;
            event.epoch = epoch;
            event.until = now + lease;
        }
        last_epoch = epoch;
        return taken;
    }
    bool holds(const Lease& lease) const {
        const Entry& event = events[static_cast<std::size_t>(lease.id - 1)];
        return event.leased && event.epoch == lease.epoch;
    }
    EventStatus status(const Entry& event) const {
        return event.dead                       ? EventStatus::error
               : event.leased                   ? EventStatus::processing
               : event.delayed || !event.passed ? EventStatus::pending
                                                : EventStatus::processed;
    }
};

TEST(MemoryQueueState, RandomHistoriesAtExactTimesAgreeWithThePlainModel) {
    for (std::uint64_t seed = 1; seed <= 500; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937_64 random(seed);
        const auto below = [&](int limit) { return static_cast<int>(random() % static_cast<std::uint64_t>(limit)); };
        QueueState queue;
        Plain plain;
        std::vector<Lease> leases;
        std::int64_t now = start;
        std::string said;  // the history, for a failure
        for (int step = 0; step < 120; ++step) {
            now += below(4) == 0 ? below(8) * ms : below(3);
            said += "\nat +" + std::to_string(now - start) + " us: ";
            const auto some_lease = [&] {
                Lease lease = leases[leases.size() - 1 - random() % std::min<std::size_t>(leases.size(), 10)];
                lease.epoch += below(25) == 0 ? 1 : 0;
                said += std::to_string(lease.id) + "@" + std::to_string(lease.epoch) + " ";
                return lease;
            };
            const int what = below(8);
            if (what < 2) {
                const milliseconds ttl(1 + below(40));
                const int count = 1 + below(4);
                said += "publish " + std::to_string(count) + " with ttl " + std::to_string(ttl.count()) + " ms";
                const PublishReply reply = publish(queue, now, count, ttl);
                plain.expire(now);
                ASSERT_EQ(reply.first_id, static_cast<EventId>(plain.events.size() + 1)) << said;
                ASSERT_EQ(reply.first_us, std::max(plain.last_us + 1, now)) << said;
                for (int i = 0; i < count; ++i) {
                    plain.last_us = reply.first_us + i;
                    plain.events.push_back({plain.last_us, now + ttl.count() * ms});
                }
            } else if (what < 4) {
                const int max = 1 + below(5);
                const milliseconds lease(1 + below(20));
                said += "take " + std::to_string(max) + " for " + std::to_string(lease.count()) + " ms";
                Ids refused;
                const Ids expected = plain.take(max, lease.count() * ms, now, refused);
                for (const EventId id : refused) {
                    auto& event = plain.events[static_cast<std::size_t>(id - 1)];
                    event.expires = std::max(event.expires, now + 3'600'000 * ms);
                }
                const TakeReply reply = queue.take(taking(max, lease), now);
                ASSERT_EQ(ids(reply), expected) << said;
                ASSERT_EQ(reply.more, plain.takeable(now)) << said;
                Ids refused_by_queue;
                for (const RefusedEvent& event : reply.refused) {
                    refused_by_queue.push_back(event.id);
                }
                ASSERT_EQ(refused_by_queue, refused) << said;
                for (const EventId id : expected) {
                    ASSERT_EQ(reply.epoch, plain.last_epoch) << said;
                    leases.push_back({id, reply.epoch});
                }
            } else if (what < 6 && !leases.empty()) {
                said += "settle ";
                const Lease lease = some_lease();
                const Verdict verdict =
                    std::array{Verdict::processed, Verdict::failed, Verdict::handed_back}[random() % 3];
                said += std::to_string(static_cast<int>(verdict));
                const milliseconds ttl(1 + below(40));
                plain.expire(now);
                const bool held = plain.holds(lease);
                ASSERT_EQ(settle(queue, now, lease, verdict, ttl), held) << said;
                if (held) {
                    auto& event = plain.events[static_cast<std::size_t>(lease.id - 1)];
                    event.leased = false;
                    event.dead = verdict == Verdict::failed && event.there;
                    event.delayed = verdict == Verdict::handed_back && event.there;
                    plain.expired += verdict != Verdict::processed && !event.there ? 1 : 0;
                    if (event.dead) {
                        event.expires = std::max(event.expires, now + ttl.count() * ms);
                    }
                }
            } else if (what == 6 && !leases.empty()) {
                said += "renew ";
                const Lease lease = some_lease();
                const std::int64_t length = (1 + below(20)) * ms;
                said += "for " + std::to_string(length / ms) + " ms";
                plain.expire(now);
                const bool held = plain.holds(lease);
                ASSERT_EQ(queue.renew({"default", milliseconds(length / ms), {lease}}, now), StillHeld{held}) << said;
                if (held) {
                    auto& event = plain.events[static_cast<std::size_t>(lease.id - 1)];
                    event.until = std::max(event.until, now + length);
                    event.expires = event.there ? std::max(event.expires, now + 2 * length) : event.expires;
                }
            } else {
                said += "upkeep";
                plain.expire(now);
                ASSERT_EQ(queue.upkeep({"default", {}, 0ms}, now).takeable, plain.takeable(now)) << said;
            }
            std::map<EventStatus, std::int64_t> counts;
            std::int64_t lag = 0;
            for (std::size_t i = 0; i < plain.events.size(); ++i) {
                const auto& event = plain.events[i];
                const auto stored = queue.get({static_cast<EventId>(i + 1)}, now).at(0);
                ASSERT_EQ(stored.has_value(), event.there) << said << "\nof " << i + 1;
                if (stored) {
                    ASSERT_EQ(stored->status, plain.status(event)) << said << "\nof " << i + 1;
                    ++counts[stored->status];
                    lag += stored->status == EventStatus::pending ? 1 : 0;
                }
            }
            const QueueStats stats = queue.stats(now);
            for (const auto& [status, count] : stats.by_status) {
                ASSERT_EQ(count, counts[status]) << said;
            }
            ASSERT_EQ(stats.expired, plain.expired) << said;
            if (!stats.groups.empty()) {
                ASSERT_EQ(stats.groups.at("default").lag, lag) << said;
            }
        }
    }
}

}  // namespace
}  // namespace eventy::memory
