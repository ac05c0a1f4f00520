#include "queue/backends.hpp"

namespace eventy::test {
namespace {

class Searching : public OnEachBackend {
protected:
    std::vector<QueueEvent<Order>> publish(const EventQueue<Order>& queue, int count) {
        std::vector<Order> orders;
        for (int i = 0; i < count; ++i) {
            orders.push_back({"ORD-" + std::to_string(i), i * 1.0});
        }
        return queue.publish_all(std::move(orders));
    }
};
EVENTY_ON_EACH_BACKEND(Searching);

TEST_P(Searching, PagesNewestFirstAndExactWhilePublishing) {
    const auto queue = open();
    publish(queue, 25);
    std::vector<EventId> seen;
    PageRequest request{.limit = 4};
    for (;;) {
        const auto page = queue.search_events({}, request);
        for (const auto& event : page) {
            seen.push_back(event.id);
        }
        publish(queue, 3);
        if (!page.next_page_id) {
            break;
        }
        request.page_id = page.next_page_id;
    }
    ASSERT_EQ(seen.size(), 25U);
    for (std::size_t i = 0; i < seen.size(); ++i) {
        EXPECT_EQ(seen[i], 25 - static_cast<EventId>(i));
    }
}

TEST_P(Searching, BothEndsOfTheTimeAreIncluded) {
    const auto queue = open();
    const auto events = publish(queue, 10);
    const EventFilter filter{.created_at_min = events[2].created_at, .created_at_max = events[5].created_at};
    const auto page = queue.search_events(filter);
    ASSERT_EQ(page.items.size(), 4U);
    EXPECT_EQ(page.items.front().id, events[5].id);
    EXPECT_EQ(page.items.back().id, events[2].id);
    EXPECT_EQ(queue.count_events(filter), 4);
    EXPECT_EQ(queue.count_events({.created_at_min = events[9].created_at + 1us}), 0);
    EXPECT_EQ(queue.count_events({.created_at_max = events[0].created_at - 1us}), 0);
    EXPECT_EQ(queue.count_events({.created_at_min = events[5].created_at, .created_at_max = events[2].created_at}), 0);
}

TEST_P(Searching, ByStatus) {
    const auto queue = open();
    publish(queue, 30);
    {
        const auto subscription = queue.subscribe([](const QueueEvent<Order>& event) {
            if (event.id % 3 == 0) {
                throw std::runtime_error("no threes");
            }
        });
        ASSERT_TRUE(queue.wait_idle(patience));
    }
    publish(queue, 5);
    EXPECT_EQ(queue.count_events({.status = EventStatus::error}), 10);
    EXPECT_EQ(queue.count_events({.status = EventStatus::processed}), 20);
    EXPECT_EQ(queue.count_events({.status = EventStatus::pending}), 5);
    EXPECT_EQ(queue.count_events({.status = EventStatus::processing}), 0);
    EXPECT_EQ(queue.count_events(), 35);
    for (const auto status : {EventStatus::error, EventStatus::processed, EventStatus::pending}) {
        std::int64_t found = 0;
        for (const auto& event : queue.events({.status = status})) {
            EXPECT_EQ(event.status, status);
            EXPECT_EQ(status == EventStatus::error, !event.last_error.empty());
            ++found;
        }
        EXPECT_EQ(found, queue.count_events({.status = status})) << status;
    }
    const auto stats = queue.stats();
    EXPECT_EQ(stats.last_id, 35);
    EXPECT_EQ(stats.by_status.at(EventStatus::error), 10);
    EXPECT_EQ(stats.by_status.at(EventStatus::processed), 20);
    EXPECT_EQ(stats.by_status.at(EventStatus::pending), 5);
    EXPECT_EQ(stats.by_status.at(EventStatus::processing), 0);
    EXPECT_EQ(stats.groups.at("default").lag, 5);
    EXPECT_TRUE(stats.groups.at("default").oldest_pending);
    EXPECT_EQ(stats.expired, 0);
}

TEST_P(Searching, APageIdFromElsewhereIsAnError) {
    const auto queue = open();
    publish(queue, 10);
    const auto page = queue.search_events({}, {.limit = 3});
    ASSERT_TRUE(page.next_page_id);
    const auto search = [&](const EventQueue<Order>& of, EventFilter filter, std::string id) {
        return thrown([&] { (void)of.search_events(filter, {.page_id = std::move(id)}); });
    };
    EXPECT_EQ(search(queue, {.status = EventStatus::pending}, *page.next_page_id), errc::bad_page_id);
    EXPECT_EQ(search(open({.type = "Other"}), {}, *page.next_page_id), errc::bad_page_id);
    EXPECT_EQ(search(queue, {}, *page.next_page_id + "0"), errc::bad_page_id);
    EXPECT_EQ(search(queue, {}, ""), errc::bad_page_id);
    EXPECT_EQ(search(queue, {}, "\xff\n"), errc::bad_page_id);
    EXPECT_EQ(search(queue, {}, *page.next_page_id), std::nullopt);
}

TEST_P(Searching, LimitsOutOfRangeAreRefused) {
    const auto queue = open();
    for (const std::int64_t limit : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{10'001}}) {
        EXPECT_EQ(thrown([&] { (void)queue.search_events({}, {.limit = limit}); }), errc::invalid_argument);
        EXPECT_EQ(thrown([&] { (void)queue.search_subscribers({.limit = limit}); }), errc::invalid_argument);
    }
    publish(queue, 3);
    EXPECT_EQ(queue.search_events({}, {.limit = 10'000}).items.size(), 3U);
}

TEST_P(Searching, AStatusThatIsNoneIsRefused) {
    const auto queue = open();
    publish(queue, 1);
    for (const int number : {-1, 4, 17}) {
        const EventFilter filter{.status = static_cast<EventStatus>(number)};
        const auto refused = [](auto call) {
            std::string what;
            return thrown(call, &what) == errc::invalid_argument ? what : "not refused";
        };
        const std::string why = "the filter's status is " + std::to_string(number) + ", which is no EventStatus";
        EXPECT_EQ(refused([&] { (void)queue.count_events(filter); }), why);
        EXPECT_EQ(refused([&] { (void)queue.search_events(filter); }), why);
        EXPECT_EQ(refused([&] { (void)queue.retry_all(filter); }), why);
        EXPECT_EQ(refused([&] { (void)queue.discard_all(filter); }), why);
    }
}

TEST_P(Searching, TheRangeReadsAllPages) {
    const auto queue = open();
    publish(queue, 1000);
    publish(queue, 234);
    EventId expected = 1234;
    auto range = queue.events();
    static_assert(std::ranges::input_range<EventRange<Order>>);
    static_assert(std::ranges::view<EventRange<Order>>);
    for (const auto& event : range) {
        EXPECT_EQ(event.id, expected--);
    }
    EXPECT_EQ(expected, 0);
    EXPECT_EQ(range.skipped(), 0);
    std::vector<EventId> first;
    for (const auto& event : queue.events() | std::views::take(3)) {
        first.push_back(event.id);
    }
    EXPECT_EQ(first, (std::vector<EventId>{1234, 1233, 1232}));
    auto none = open({.type = "Empty"}).events();
    EXPECT_TRUE(none.begin() == none.end()) << "and the range keeps its queue open";
}

TEST_P(Searching, PrefixesAndTypesDoNotSeeEachOther) {
    const auto queue = open();
    publish(queue, 3);
    EXPECT_EQ(open({.type = "Other"}).count_events(), 0);
    EXPECT_EQ(open({.prefix = prefix_ + "x"}).count_events(), 0);
    EXPECT_EQ(open().count_events(), 3);
}

}  // namespace
}  // namespace eventy::test
