// What is particular to the backend in memory: who shares what, and how it ends.
#include <gtest/gtest.h>

#include <eventy/memory.hpp>

#include "store/store_fixture.hpp"

namespace eventy::test {
namespace {

std::unique_ptr<Session> open(const memory::Store& store) {
    return std::make_unique<Session>(store.backend(), QueueName{"prefix", "Type"}, std::make_shared<History>(),
                                     "worker");
}

TEST(MemoryBackend, QueuesOnOneStoreShareItAndOtherStoresAreOthers) {
    const memory::Store one, other;
    open(one)->publish_one();
    EXPECT_EQ(open(one)->count(), 1) << "it stays when nobody has it open";
    EXPECT_EQ(open(other)->count(), 0);
}

TEST(MemoryBackend, WithoutAClockItIsTheSystems) {
    const memory::Store store;
    const auto session = open(store);
    const Timestamp before = std::chrono::system_clock::now();
    session->publish_one();
    const Timestamp created_at = session->get_one(1)->created_at;
    EXPECT_GE(created_at, before);
    EXPECT_LE(created_at, Timestamp(std::chrono::system_clock::now()));
}

TEST(MemoryBackend, ItSaysWhatItIs) {
    const memory::Store store;
    EXPECT_EQ(store.backend()->describe(), "memory");
}

TEST(MemoryBackend, ItMayEndWithCallsUnderWay) {
    for (int i = 0; i < 50; ++i) {
        const auto store = std::make_unique<memory::Store>();
        for (int k = 0; k < 20; ++k) {
            store->backend()->list_types("prefix", std::nullopt, [](const Result<std::vector<std::string>>&) {});
        }
    }
}

TEST(MemoryBackend, ItMayEndOnItsOwnThread) {
    Counter ended;
    {
        auto store = std::make_shared<memory::Store>();
        auto backend = store->backend();
        store.reset();
        auto* const io = &backend->io();
        // The last reference goes inside the loop; what is destroyed last tells that it is over.
        std::shared_ptr<Counter> teller(&ended, [](Counter* counter) { counter->add(); });
        io->post([backend = std::move(backend), teller = std::move(teller)]() mutable { backend.reset(); });
    }
    EXPECT_TRUE(ended.wait_for(1));
}

// The loop has the wake-up under way when its waiter stops waiting: another one gets it.
TEST(MemoryBackend, AWakeUpForNobodyIsPassedOn) {
    Counter wrong, right;
    const memory::Store store;
    const auto gone = open(store), there = open(store);
    gone->take();
    gone->run([&](Store& its) { its.wait("default", [&] { wrong.add(); }); });
    there->run([&](Store& its) { its.wait("default", [&] { right.add(); }); });
    gone->run([](Store& its) {
        PublishRequest request;
        request.ttl = long_ttl;
        request.events.resize(1);
        its.publish(std::move(request), std::nullopt, [](const Result<PublishReply>&) {});
        its.stop_waiting("default");
    });
    EXPECT_TRUE(right.wait_for(1));
    EXPECT_EQ(wrong.value(), 0);
}

TEST(MemoryBackend, AWatcherHearsNothingFromBeforeItWasReady) {
    Counter early, late, ready;
    const memory::Store store;
    const auto session = open(store);
    session->run([&](Store& its) {
        its.watch(1, {[&](const EventNotice&) { early.add(); }, [] {}}, [](const Result<Done>&) {});
    });
    session->run([&](Store& its) {
        PublishRequest request;
        request.ttl = long_ttl;
        request.events.resize(1);
        its.publish(std::move(request), std::nullopt, [](const Result<PublishReply>&) {});
        its.watch(2, {[&](const EventNotice&) { late.add(); }, [] {}}, [&](const Result<Done>&) { ready.add(); });
    });
    ASSERT_TRUE(early.wait_for(1) && ready.wait_for(1));
    EXPECT_EQ(late.value(), 0);
    session->publish_one();
    EXPECT_TRUE(late.wait_for(1));
}

TEST(MemoryBackend, APageIsFullUntilTheLast) {
    const memory::Store store;
    const auto session = open(store);
    session->publish(std::vector<std::string>(100, "x"));
    session->settle_all(session->take(60));
    SearchRequest request{{.status = EventStatus::processed}, std::nullopt, 20};
    for (int page = 0; page < 3; ++page) {
        const SearchReply reply = session->search(request);
        EXPECT_EQ(reply.events.size(), 20u);
        EXPECT_EQ(reply.next_before_us.has_value(), page < 2);
        request.before_us = reply.next_before_us;
    }
}

}  // namespace
}  // namespace eventy::test
