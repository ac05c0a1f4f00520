#include <algorithm>
#include <limits>
#include <list>
#include <ranges>
#include <set>
#include <thread>

#include "queue/backends.hpp"

namespace eventy::test {
namespace {

class Publishing : public OnEachBackend {};
EVENTY_ON_EACH_BACKEND(Publishing);

TEST_P(Publishing, GivesBackTheEventAsItIsStored) {
    const auto queue = open();
    const auto event = queue.publish({"ORD-1", 99.5}, {.key = "k", .headers = {{"trace", "a\"b"}, {"n", ""}}});
    EXPECT_EQ(event.id, 1);
    EXPECT_EQ(event.payload, (Order{"ORD-1", 99.5}));
    EXPECT_EQ(event.status, EventStatus::pending);
    EXPECT_FALSE(event.worker_id.empty());
    EXPECT_EQ(event.key, "k");

    const auto stored = queue.get_event(event.id);
    EXPECT_EQ(stored.id, event.id);
    EXPECT_EQ(stored.payload, event.payload);
    EXPECT_EQ(stored.status, EventStatus::pending);
    EXPECT_EQ(stored.created_at, event.created_at);
    EXPECT_EQ(stored.worker_id, event.worker_id);
    EXPECT_EQ(stored.key, "k");
    EXPECT_EQ(stored.headers, event.headers);
    EXPECT_EQ(stored.headers.at("trace"), "a\"b");
    EXPECT_EQ(stored.attempt, 0);
    EXPECT_TRUE(stored.last_error.empty());
    EXPECT_TRUE(stored.processed_by.empty());
    EXPECT_FALSE(stored.started_at || stored.finished_at);
}

TEST_P(Publishing, ManyAtOnceKeepTheirOrder) {
    const auto queue = open();
    std::vector<Order> orders;
    for (int i = 0; i < 1000; ++i) {
        orders.push_back({"ORD-" + std::to_string(i), i * 1.0});
    }
    const auto events = queue.publish_all(orders);
    ASSERT_EQ(events.size(), 1000U);
    for (std::size_t i = 0; i < events.size(); ++i) {
        EXPECT_EQ(events[i].id, static_cast<EventId>(i) + 1);
        EXPECT_EQ(events[i].payload, orders[i]);
        if (i > 0) {
            EXPECT_GT(events[i].created_at, events[i - 1].created_at);
        }
    }
    EXPECT_EQ(queue.get_event(500).payload, orders[499]);
    EXPECT_EQ(queue.get_event(500).created_at, events[499].created_at);
}

TEST_P(Publishing, ADedupKeyReturnsTheFirstEvent) {
    const auto queue = open();
    const auto first = queue.publish({"ORD-1", 1}, {.key = "k", .dedup_key = "request 1"});
    const auto again = queue.publish({"ORD-2", 2}, {.dedup_key = "request 1"});
    EXPECT_EQ(again.id, first.id);
    EXPECT_EQ(again.created_at, first.created_at);
    EXPECT_EQ(again.payload, first.payload);
    EXPECT_EQ(again.key, "k");
    EXPECT_EQ(again.worker_id, first.worker_id);
    EXPECT_EQ(queue.count_events(), 1);

    Signal handled;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>&) { handled.set(); });
    EXPECT_TRUE(handled.wait());
    EXPECT_TRUE(queue.wait_idle(60s));
    EXPECT_EQ(queue.publish({"ORD-1", 1}, {.dedup_key = "request 1"}).status, EventStatus::processed);
    EXPECT_EQ(queue.stats().last_id, 1);
}

TEST_P(Publishing, ADedupKeyStandsForAllEventsOfACall) {
    const auto queue = open();
    const auto first = queue.publish_all({Order{"a", 1}, Order{"b", 2}}, {.dedup_key = "both"});
    const auto again = queue.publish_all({Order{"a", 1}, Order{"b", 2}}, {.dedup_key = "both"});
    ASSERT_EQ(again.size(), 2U);
    EXPECT_EQ(again[0].id, first[0].id);
    EXPECT_EQ(again[1].id, first[1].id);
    EXPECT_EQ(again[1].payload, first[1].payload);
    EXPECT_EQ(thrown([&] { (void)queue.publish({"c", 3}, {.dedup_key = "both"}); }), errc::invalid_argument);
    EXPECT_EQ(queue.count_events(), 2);
}

TEST_P(Publishing, ManyCallersWithOneDedupKeyPublishOnce) {
    const auto queue = open();
    std::vector<std::thread> callers;
    std::vector<EventId> own(8), shared(8);
    for (std::size_t i = 0; i < own.size(); ++i) {
        callers.emplace_back([&, i] {
            shared[i] = queue.publish({"shared", 0}, {.dedup_key = "shared"}).id;
            own[i] = queue.publish({"own " + std::to_string(i), 0}, {.dedup_key = std::to_string(i)}).id;
        });
    }
    for (auto& caller : callers) {
        caller.join();
    }
    EXPECT_EQ(std::set<EventId>(shared.begin(), shared.end()).size(), 1U);
    for (std::size_t i = 0; i < own.size(); ++i) {
        EXPECT_EQ(queue.get_event(own[i]).payload.order_id, "own " + std::to_string(i));
    }
    EXPECT_EQ(queue.count_events(), 9);
}

TEST_P(Publishing, RefusesADedupKeyOrWindowOutOfRange) {
    const auto queue = open();
    const auto refused = [&](const PublishOptions& options) {
        return thrown([&] { (void)queue.publish({"a", 1}, options); }) == errc::invalid_argument;
    };
    EXPECT_TRUE(refused({.dedup_key = std::string(1025, 'k')}));
    EXPECT_TRUE(refused({.dedup_key = "k", .dedup_window = -1ms}));
    EXPECT_TRUE(refused({.dedup_key = "k", .dedup_window = std::chrono::hours(24 * 366 * 101)}));
    EXPECT_TRUE(refused({.dedup_window = 1s}));
    EXPECT_EQ(queue.count_events(), 0);
}

TEST_P(Publishing, TakesAnyRange) {
    const auto queue = open();
    const std::list<Order> orders{{"a", 1}, {"b", 2}};
    EXPECT_EQ(queue.publish_all(orders).size(), 2U);
    EXPECT_EQ(queue.publish_all({Order{"c", 3}, Order{"d", 4}}).back().id, 4);
    EXPECT_TRUE(queue.publish_all(std::vector<Order>{}).empty());
    EXPECT_EQ(queue.count_events(), 4);
}

TEST_P(Publishing, TooManyOrTooMuchIsRefusedWhole) {
    const auto queue = open<std::string>({}, std::make_shared<RawSerializer>());
    EXPECT_EQ(thrown([&] { (void)queue.publish_all(std::vector<std::string>(1001, "x")); }), errc::invalid_argument);
    int made = 0;
    const auto endless = std::views::iota(0) | std::views::transform([&](int) { return std::string(++made > 0, 'x'); });
    const auto some = endless | std::views::take_while([&](const auto&) { return made < 100'000; });
    EXPECT_EQ(thrown([&] { (void)queue.publish_all(some); }), errc::invalid_argument);
    EXPECT_LT(made, 5000) << "it stopped when they were too many";
    const std::string eight_mib(8U << 20U, 'x');
    EXPECT_EQ(thrown([&] { (void)queue.publish_all(std::vector<std::string>(5, eight_mib)); }), errc::invalid_argument);
    std::string what;
    EXPECT_EQ(thrown([&] { (void)queue.publish(std::string((16U << 20U) + 1, 'x')); }, &what), errc::payload_too_large);
    EXPECT_NE(what.find("has 16777217 bytes; at most 16777216 are allowed (the queue's max_payload_bytes)"),
              std::string::npos)
        << what;
    EXPECT_EQ(thrown([&] { (void)queue.publish("x", {.key = std::string(1025, 'k')}); }), errc::invalid_argument);
    EXPECT_EQ(thrown([&] { (void)queue.publish("x", {.headers = {{"h", std::string(70'000, 'v')}}}); }),
              errc::invalid_argument);
    EXPECT_EQ(thrown([&] { (void)queue.publish("x", {.headers = {{"h", "\xff"}}}); }), errc::invalid_argument);
    EXPECT_EQ(queue.count_events(), 0);
    EXPECT_EQ(queue.publish(std::string(16U << 20U, 'x')).id, 1) << "and nothing was used up";
}

TEST_P(Publishing, TheLimitOfAPayloadIsTheQueuesOption) {
    const auto queue = open<std::string>({.max_payload_bytes = 100}, std::make_shared<RawSerializer>());
    EXPECT_EQ(queue.publish(std::string(100, 'x')).id, 1);
    std::string what;
    EXPECT_EQ(thrown([&] { (void)queue.publish(std::string(101, 'x')); }, &what), errc::payload_too_large);
    EXPECT_NE(what.find("has 101 bytes; at most 100 are allowed (the queue's max_payload_bytes)"), std::string::npos)
        << what;
    EXPECT_EQ(thrown([&] { (void)queue.publish_all({std::string("y"), std::string(101, 'x')}); }),
              errc::payload_too_large);
    EXPECT_EQ(queue.count_events(), 1) << "all or none";
    EXPECT_EQ(queue.publish("z").id, 2) << "and nothing was used up";
    EXPECT_EQ(queue.publish("", {.key = std::string(200, 'k')}).id, 3) << "keys and headers have limits of their own";
}

TEST_P(Publishing, APayloadMayBeAsLargeAsOneCall) {
    constexpr std::int64_t most = std::int64_t{32} * 1024 * 1024;
    const auto open_it = [&]() -> EventQueue<std::string> {
        if (!on_redis()) {
            return open<std::string>({.max_payload_bytes = most}, std::make_shared<RawSerializer>());
        }
        return RedisEventQueue<std::string>({.event_type = "Large",
                                             .redis_client = new_client(),
                                             .serializer = std::make_shared<RawSerializer>(),
                                             .key_prefix = prefix_,
                                             .publish_timeout = patience,
                                             .max_payload_bytes = most});
    };
    const auto queue = open_it();
    std::string payload(static_cast<std::size_t>(most), 'x');
    payload.back() = 'y';
    EXPECT_EQ(thrown([&] { (void)queue.publish(payload, {.key = "k"}); }), errc::invalid_argument) << "with its key";
    EXPECT_EQ(queue.publish(payload).id, 1);
    Seen<bool> seen;
    const auto subscription =
        queue.subscribe([&](const QueueEvent<std::string>& event) { seen.add(event.payload == payload); });
    EXPECT_EQ(seen.wait_for(1), std::vector<bool>{true});
}

TEST_P(Publishing, ALimitOutOfRangeIsRefused) {
    constexpr std::int64_t mib = 1024 * 1024;
    for (const std::int64_t limit : {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min(),
                                     32 * mib + 1, std::numeric_limits<std::int64_t>::max()}) {
        std::string what;
        EXPECT_EQ(thrown([&] { (void)open({.max_payload_bytes = limit}); }, &what), errc::invalid_argument);
        EXPECT_EQ(what, "max_payload_bytes is " + std::to_string(limit) + "; it must be 1 to 33554432 (32 MiB)");
        const auto open_a_manager = [&] {
            if (on_redis()) {
                (void)open_manager(server().url(), {.max_payload_bytes = limit});
            } else {
                (void)open_manager("memory://", {.max_payload_bytes = limit});
            }
        };
        EXPECT_EQ(thrown(open_a_manager), errc::invalid_argument) << limit;
    }
    EXPECT_EQ(open({.type = "a", .max_payload_bytes = 32 * mib}).count_events(), 0);
    EXPECT_EQ(open({.type = "b", .max_payload_bytes = 1}).count_events(), 0);
}

TEST_P(Publishing, BytesComeBackAsTheyWere) {
    const auto queue = open<std::string>({}, std::make_shared<RawSerializer>());
    std::string all;
    for (int byte = 0; byte < 256; ++byte) {
        all += static_cast<char>(byte);
    }
    EXPECT_EQ(queue.get_event(queue.publish(all).id).payload, all);
    EXPECT_EQ(queue.get_event(queue.publish("").id).payload, "");
}

TEST_P(Publishing, ManyThreadsGetEachItsOwnId) {
    const auto queue = open();
    constexpr int threads = 8;
    constexpr int each = 200;
    Seen<EventId> ids;
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t) {
        all.emplace_back([&, t] {
            for (int i = 0; i < each; ++i) {
                const auto event = queue.publish({std::to_string(t), i * 1.0});
                ids.add(event.id);
            }
        });
    }
    for (auto& thread : all) {
        thread.join();
    }
    auto got = ids.now();
    std::sort(got.begin(), got.end());
    ASSERT_EQ(got.size(), static_cast<std::size_t>(threads) * each);
    for (std::size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i], static_cast<EventId>(i) + 1);
    }
    EXPECT_EQ(queue.count_events({.status = EventStatus::pending}), threads * each);
}

TEST_P(Publishing, EventsThatAreNotThere) {
    const auto queue = open();
    (void)queue.publish({"a", 1});
    std::string what;
    EXPECT_EQ(thrown([&] { (void)queue.get_event(2); }, &what), errc::event_not_found);
    EXPECT_NE(what.find("event 2 of Order"), std::string::npos) << what;
    for (const EventId id :
         {EventId{0}, EventId{-1}, std::numeric_limits<EventId>::max(), std::numeric_limits<EventId>::min()}) {
        EXPECT_EQ(thrown([&] { (void)queue.get_event(id); }), errc::event_not_found) << id;
    }
    const auto events = queue.get_events({1, 2, 1});
    ASSERT_EQ(events.size(), 3U);
    EXPECT_TRUE(events[0] && !events[1] && events[2]);
    EXPECT_TRUE(queue.get_events(std::vector<EventId>{}).empty());
}

TEST_P(Publishing, AnExpiredEventIsNotFound) {
    const auto queue = open({.ttl = 60ms});
    const auto id = queue.publish({"a", 1}).id;
    EXPECT_TRUE(eventually([&] { return thrown([&] { (void)queue.get_event(id); }) == errc::event_not_found; }));
}

struct Unstorable {
    int x = 0;
};
struct ThrowingSerializer final : Serializer<Unstorable> {
    std::string serialize(const Unstorable& value) const override {
        if (value.x == 1) {
            throw std::runtime_error("one is too few");
        }
        if (value.x == 2) {
            throw 42;  // NOLINT: that a serializer throws anything is the point
        }
        if (value.x == 4) {
            throw Wordless();
        }
        return "bytes";
    }
    Unstorable deserialize(std::string_view) const override { throw std::runtime_error("not readable today"); }
};

TEST_P(Publishing, WhatASerializerThrowsIsASerializationError) {
    const auto queue = open<Unstorable>({.type = "U"}, std::make_shared<ThrowingSerializer>());
    std::string what;
    EXPECT_EQ(thrown([&] { (void)queue.publish({1}); }, &what), errc::serialization);
    EXPECT_NE(what.find("one is too few"), std::string::npos) << what;
    EXPECT_EQ(thrown([&] { (void)queue.publish({2}); }, &what), errc::serialization);
    EXPECT_EQ(thrown([&] { (void)queue.publish({4}); }, &what), errc::serialization);
    EXPECT_EQ(what, "cannot serialize the payload: an exception whose what() is a null pointer");
    const auto id = queue.publish({3}).id;
    EXPECT_EQ(thrown([&] { (void)queue.get_event(id); }, &what), errc::serialization);
    EXPECT_NE(what.find("not readable today"), std::string::npos) << what;
    EXPECT_NE(what.find("event 1 of U"), std::string::npos) << what;
    const auto page = queue.search_events();
    EXPECT_TRUE(page.items.empty());
    ASSERT_EQ(page.unreadable.size(), 1U);
    EXPECT_EQ(page.unreadable[0].id, id);
    EXPECT_NE(page.unreadable[0].reason.find("not readable today"), std::string::npos);
    EXPECT_FALSE(queue.get_events({id})[0]);
    auto range = queue.events();
    EXPECT_TRUE(range.begin() == range.end());
    EXPECT_EQ(range.skipped(), 1);
}

TEST_P(Publishing, TwoTypesUnderOneNameOnOneClientAreRefused) {
    struct Other {
        int x = 0;
    };
    struct OtherSerializer final : Serializer<Other> {
        std::string serialize(const Other&) const override { return ""; }
        Other deserialize(std::string_view) const override { return {}; }
    };
    const auto serializer = std::make_shared<OtherSerializer>();
    if (on_redis()) {
        const auto client = new_client();
        const RedisEventQueue<Order> queue({.redis_client = client, .key_prefix = prefix_});
        EXPECT_EQ(
            thrown([&] {
                const RedisEventQueue<Other> other(
                    {.event_type = "Order", .redis_client = client, .serializer = serializer, .key_prefix = prefix_});
            }),
            errc::name_taken);
        const RedisEventQueue<Order> again({.redis_client = client, .key_prefix = prefix_});
        const RedisEventQueue<Other> elsewhere(
            {.event_type = "Order", .redis_client = client, .serializer = serializer, .key_prefix = prefix_ + "x"});
    } else {
        {
            const MemoryEventQueue<Order> queue({.store = store_});
            EXPECT_EQ(thrown([&] {
                          const MemoryEventQueue<Other> other(
                              {.event_type = "Order", .store = store_, .serializer = serializer});
                      }),
                      errc::name_taken);
        }
        const MemoryEventQueue<Other> later({.event_type = "Order", .store = store_, .serializer = serializer});
    }
}

TEST_P(Publishing, SettingsOutOfRangeAreRefused) {
    EXPECT_EQ(thrown([&] { (void)open({.type = "a:b"}); }), errc::invalid_argument);
    EXPECT_EQ(thrown([&] { (void)open({.prefix = "a b"}); }), errc::invalid_argument);
    EXPECT_EQ(thrown([&] { (void)open({.ttl = 0ms}); }), errc::invalid_argument);
    EXPECT_EQ(thrown([&] { (void)open({.concurrency = 0}); }), errc::invalid_argument);
    EXPECT_EQ(thrown([&] { (void)open({.lease = 0ms}); }), errc::invalid_argument);
    EXPECT_EQ(thrown([&] { (void)open<Order>({}, std::shared_ptr<Serializer<Order>>()); }), errc::invalid_argument);
}

}  // namespace
}  // namespace eventy::test
