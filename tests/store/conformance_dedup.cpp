// Publishing once under a word.
#include "store/store_fixture.hpp"

namespace eventy::test {

namespace {

using detail::PublishOnce;

PublishRequest once(const std::string& word, std::vector<std::string> payloads, milliseconds window = long_ttl) {
    PublishRequest request;
    request.ttl = long_ttl;
    request.once.push_back({.first = 0, .count = payloads.size(), .word = word, .window = window});
    for (auto& payload : payloads) {
        request.events.push_back({std::move(payload)});
    }
    return request;
}

std::string describe(const PublishReply& reply) {
    std::string text = std::to_string(reply.first_id);
    for (const auto& repeated : reply.repeated) {
        text += " | " + std::to_string(repeated.unit) + ": " + std::to_string(repeated.first_id) + " x" +
                std::to_string(repeated.count);
    }
    return text;
}

}  // namespace

TEST_P(StoreConformance, AWordPublishesOnceInItsWindow) {
    const auto a = open(), b = open();
    const auto first = a->publish(once("order 7", {"x", "y"}));
    EXPECT_EQ(describe(first), "1");
    const auto again = b->publish(once("order 7", {"x", "y"}));
    ASSERT_EQ(again.repeated.size(), 1U);
    EXPECT_EQ(again.repeated[0].first_id, first.first_id);
    EXPECT_EQ(again.repeated[0].first_us, first.first_us);
    EXPECT_EQ(again.repeated[0].count, 2);
    EXPECT_EQ(a->stats().last_id, 2);
    EXPECT_EQ(a->count(), 2);
    EXPECT_EQ(describe(b->publish(once("order 8", {"x"}))), "3");
    EXPECT_EQ(a->publish_one(), 4);
}

TEST_P(StoreConformance, AProcessedEventStillStandsForItsWord) {
    const auto a = open();
    a->publish(once("w", {"x"}));
    a->settle_all(a->take());
    EXPECT_EQ(a->publish(once("w", {"x"})).repeated.size(), 1U);
    EXPECT_TRUE(a->take().events.empty());
}

TEST_P(StoreConformance, AfterItsWindowAWordPublishesAgain) {
    const auto a = open();
    a->publish(once("w", {"x"}, doomed));
    bed().pass(doomed_for);
    EXPECT_EQ(describe(a->publish(once("w", {"y"}, long_ttl))), "2");
    EXPECT_EQ(a->publish(once("w", {"z"})).repeated.at(0).first_id, 2);
}

TEST_P(StoreConformance, AWordWhoseEventIsGonePublishesAgain) {
    const auto a = open();
    auto request = once("w", {"x"});
    request.ttl = doomed;
    a->publish(request);
    bed().pass(doomed_for);
    EXPECT_EQ(describe(a->publish(once("w", {"y"}))), "2");
    EXPECT_EQ(a->publish(once("w", {"z"})).repeated.at(0).first_id, 2);
}

TEST_P(StoreConformance, WordsOfABatchStandForTheirOwnEventsOnly) {
    const auto a = open();
    a->publish(once("old", {"o1", "o2"}));
    PublishRequest request;
    request.ttl = long_ttl;
    for (const char* const payload : {"p0", "old1", "old2", "p3", "new1", "new2", "p6", "new1", "new2", "p9"}) {
        request.events.push_back({payload});
    }
    request.once = {{.first = 1, .count = 2, .word = "old", .window = long_ttl},
                    {.first = 4, .count = 2, .word = "new", .window = long_ttl},
                    {.first = 7, .count = 2, .word = "new", .window = long_ttl}};
    const auto reply = a->publish(request);
    EXPECT_EQ(describe(reply), "3 | 0: 1 x2 | 2: 5 x2");
    EXPECT_EQ(reply.repeated.at(1).first_us, reply.first_us + 2);
    std::string stored;
    for (const auto& event : a->get({1, 2, 3, 4, 5, 6, 7, 8})) {
        stored += (event ? event->payload : "-") + " ";
    }
    EXPECT_EQ(stored, "o1 o2 p0 p3 new1 new2 p6 p9 ");
    EXPECT_EQ(a->stats().last_id, 8);
    EXPECT_EQ(describe(a->publish(once("new", {"x", "y"}))), "9 | 0: 5 x2");
}

TEST_P(StoreConformance, AnyBytesAreAWord) {
    const auto a = open();
    const std::string with_zero("a\0:{b}", 6), long_word(1024, 'w'), other(1023, 'w');
    EventId next = 1;
    for (const auto& word : {with_zero, long_word, other, std::string("sha1:x"), std::string(" ")}) {
        EXPECT_EQ(describe(a->publish(once(word, {"x"}))), std::to_string(next));
        EXPECT_EQ(a->publish(once(word, {"x"})).repeated.at(0).first_id, next);
        ++next;
    }
}

}  // namespace eventy::test
