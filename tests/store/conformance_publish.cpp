// Publishing: ids, stamps, and that what was given comes back.
#include <algorithm>

#include "store/store_fixture.hpp"

namespace eventy::test {

TEST_P(StoreConformance, IdsAreDenseFromOneInTheOrderOfPublishing) {
    const auto a = open(), b = open();
    EXPECT_EQ(a->publish_one(), 1);
    EXPECT_EQ(b->publish({"x", "y", "z"}), (std::vector<EventId>{2, 3, 4}));
    EXPECT_EQ(a->publish_one(), 5);
    EXPECT_EQ(a->stats().last_id, 5);
}

TEST_P(StoreConformance, StampsAreDistinctAndRiseWithTheIdAndAreTheStoresTime) {
    const auto a = open(), b = open();
    const Timestamp before = bed().now();
    std::vector<EventId> ids;
    for (int i = 0; i < 20; ++i) {
        const auto more = (i % 2 == 0 ? a : b)->publish(std::vector<std::string>(static_cast<std::size_t>(1 + i % 5)));
        ids.insert(ids.end(), more.begin(), more.end());
        bed().pass(i % 3 == 0 ? 1ms : 0ms);
    }
    const Timestamp after = bed().now();
    Timestamp last;
    for (const auto& event : a->get(ids)) {
        ASSERT_TRUE(event);
        EXPECT_GT(event->created_at, last) << "of " << event->id;
        EXPECT_GE(event->created_at, before);
        EXPECT_LE(event->created_at, after + std::chrono::microseconds(ids.size()));
        last = event->created_at;
    }
}

TEST_P(StoreConformance, TheReplyOfAPublishSaysWhatIsStored) {
    const auto session = open();
    for (const int size : {1, 7, 1000}) {
        PublishRequest request;
        request.ttl = long_ttl;
        request.events.resize(static_cast<std::size_t>(size));
        const PublishReply reply = session->publish(request);
        for (const int i : {0, size / 2, size - 1}) {
            const auto event = session->get_one(reply.first_id + i);
            ASSERT_TRUE(event);
            EXPECT_EQ((event->created_at - Timestamp()).count(), reply.first_us + i);
        }
    }
}

TEST_P(StoreConformance, ABatchOfAThousandIsStoredWhole) {
    const auto session = open();
    std::vector<std::string> payloads;
    for (int i = 0; i < 1000; ++i) {
        payloads.push_back("payload " + std::to_string(i));
    }
    const auto ids = session->publish(payloads);
    const auto events = session->get(ids);
    for (std::size_t i = 0; i < events.size(); ++i) {
        ASSERT_TRUE(events[i]);
        EXPECT_EQ(events[i]->id, static_cast<EventId>(i + 1));
        EXPECT_EQ(events[i]->payload, payloads[i]);
    }
    EXPECT_EQ(session->count(), 1000);
}

TEST_P(StoreConformance, EverythingGivenAtPublishComesBackByGetSearchAndTake) {
    const auto session = open();
    PublishRequest request;
    request.ttl = long_ttl;
    request.worker_id = "the publisher";
    request.events = {{R"({"a":1})", "a key", R"({"h":"ä","x y":""})"}, {"plain"}};
    const EventId first = session->publish(request).first_id;

    const auto check = [&](const StoredEvent& event, EventStatus status) {
        const bool rich = event.id == first;
        EXPECT_EQ(event.payload, rich ? R"({"a":1})" : "plain");
        EXPECT_EQ(event.key, rich ? "a key" : "");
        EXPECT_EQ(event.headers, rich ? R"({"h":"ä","x y":""})" : "");
        EXPECT_EQ(event.worker_id, "the publisher");
        EXPECT_EQ(event.status, status);
        EXPECT_EQ(event.unreadable, "");
        EXPECT_EQ(event.last_error, "");
        EXPECT_EQ(event.processed_by, "");
        EXPECT_FALSE(event.started_at || event.finished_at);
    };
    for (const auto& event : session->get({first, first + 1})) {
        ASSERT_TRUE(event);
        check(*event, EventStatus::pending);
        EXPECT_EQ(event->attempt, 0);
    }
    const auto found = session->search_all();
    ASSERT_EQ(ids_of(found), (std::vector<EventId>{first + 1, first}));
    check(found[0], EventStatus::pending);
    check(found[1], EventStatus::pending);
    const TakeReply taken = session->take(10);
    ASSERT_EQ(ids_of(taken.events), (std::vector<EventId>{first, first + 1}));
    check(taken.events[0], EventStatus::processing);
    check(taken.events[1], EventStatus::processing);
    EXPECT_EQ(taken.events[0].attempt, 1);
}

TEST_P(StoreConformance, PayloadsAreBytesOfAnyKindAndSize) {
    const auto session = open();
    std::string all_bytes;
    for (int i = 0; i < 256; ++i) {
        all_bytes.push_back(static_cast<char>(i));
    }
    const std::vector<std::string> payloads = {
        "", all_bytes, std::string("\0\r\n$-1\r\n", 8), std::string(1 << 20, '\xff'), "\xed\xa0\x80", "1e400", "nil"};
    const auto ids = session->publish(payloads);
    const auto stored = session->get(ids);
    TakeRequest request;
    request.group = "default";
    request.max = 100;
    const TakeReply taken = session->take(request);
    ASSERT_EQ(ids_of(taken.events), ids);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        ASSERT_TRUE(stored[i]);
        EXPECT_TRUE(stored[i]->payload == payloads[i]) << "payload " << i << " differs from get";
        EXPECT_TRUE(taken.events[i].payload == payloads[i]) << "payload " << i << " differs from take";
        EXPECT_EQ(taken.events[i].unreadable, "");
    }
}

TEST_P(StoreConformance, KeysAndWorkerIdsAreBytesToo) {
    const auto session = open();
    const std::string odd("k\0\xff\n:{}*", 8);
    PublishRequest request;
    request.ttl = long_ttl;
    request.worker_id = "w " + odd;
    request.events = {{"p", odd}};
    const auto event = session->get_one(session->publish(request).first_id);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->key, odd);
    EXPECT_EQ(event->worker_id, "w " + odd);
}

TEST_P(StoreConformance, WhatNeverWasIsNotThere) {
    const auto session = open();
    EXPECT_FALSE(session->get_one(1));
    const EventId id = session->publish_one();
    const auto found = session->get({id + 1, id, 0, -1, id, 9'000'000'000'000'000'000});
    EXPECT_FALSE(found[0] || found[2] || found[3] || found[5]);
    EXPECT_TRUE(found[1] && found[4]);
    EXPECT_TRUE(session->get({}).empty());
}

TEST_P(StoreConformance, PublishersAtTheSameTimeShareTheIdsOut) {
    constexpr int publishers = 4, calls = 50;
    std::vector<std::unique_ptr<Session>> sessions;
    for (int i = 0; i < publishers; ++i) {
        sessions.push_back(open());
    }
    std::mutex mutex;
    std::vector<std::pair<EventId, std::int64_t>> given;  // id, stamp
    Counter answered;
    for (const auto& session : sessions) {
        session->run([&](Store& store) {
            for (int i = 0; i < calls; ++i) {
                PublishRequest request;
                request.ttl = long_ttl;
                request.events.resize(static_cast<std::size_t>(1 + i % 3));
                const auto count = static_cast<int>(request.events.size());
                store.publish(std::move(request), std::nullopt, [&, count](Result<PublishReply> reply) {
                    {
                        const std::lock_guard lock(mutex);
                        for (int k = 0; reply.ok() && k < count; ++k) {
                            given.emplace_back(reply.value().first_id + k, reply.value().first_us + k);
                        }
                    }
                    answered.add();
                });
            }
        });
    }
    ASSERT_TRUE(answered.wait_for(publishers * calls));
    std::sort(given.begin(), given.end());
    for (std::size_t i = 0; i < given.size(); ++i) {
        ASSERT_EQ(given[i].first, static_cast<EventId>(i + 1)) << "ids are not dense";
        ASSERT_TRUE(i == 0 || given[i].second > given[i - 1].second) << "stamps do not rise at " << given[i].first;
    }
    EXPECT_EQ(sessions[0]->count(), static_cast<std::int64_t>(given.size()));
}

}  // namespace eventy::test
