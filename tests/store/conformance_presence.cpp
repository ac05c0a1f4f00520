// Who is there: subscribers and their heartbeats, watchers, the registry of types; and who does not see whom.
#include <algorithm>
#include <map>

#include "store/store_fixture.hpp"

namespace eventy::test {

namespace {

SubscriberInfo somebody(const std::string& id, const std::string& group = "default") {
    SubscriberInfo info;
    info.id = id;
    info.event_type = "Type";
    info.group = group;
    info.worker_id = "worker of " + id;
    info.host = "a-host";
    info.pid = 4711;
    return info;
}

std::vector<std::string> ids_of_subscribers(Session& session) {
    std::vector<std::string> ids;
    for (const SubscriberInfo& info : session.subscribers()) {
        ids.push_back(info.id);
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

using Ids = std::vector<std::string>;

/// What a watcher heard, by event.
class Heard {
public:
    Store::Watcher watcher() {
        return {[this](EventNotice notice) {
                    {
                        const std::lock_guard lock(mutex_);
                        notices_.push_back(std::move(notice));
                    }
                    count.add();
                },
                [] {}};
    }
    std::vector<EventNotice> notices() const {
        const std::lock_guard lock(mutex_);
        return notices_;
    }
    Counter count;

private:
    mutable std::mutex mutex_;
    std::vector<EventNotice> notices_;
};

void watch(Session& session, std::uint64_t token, Heard& heard) {
    const auto ready = session.call<Done>(
        [&](Store& store, Callback<Done> callback) { store.watch(token, heard.watcher(), std::move(callback)); });
    ASSERT_TRUE(ready.ok()) << ready.failure().message;
}

}  // namespace

TEST_P(StoreConformance, SubscribersAreKnownToAllFromTheirFirstHeartbeat) {
    const auto a = open(), b = open();
    EXPECT_TRUE(b->subscribers().empty());
    EXPECT_FALSE(b->subscriber("one"));
    const Timestamp before = bed().now();
    a->upkeep({"default", {somebody("one"), somebody("two", "mail")}, 10min});
    const Timestamp after = bed().now();
    EXPECT_EQ(ids_of_subscribers(*b), (Ids{"one", "two"}));
    const auto two = b->subscriber("two");
    ASSERT_TRUE(two);
    EXPECT_EQ(two->id, "two");
    EXPECT_EQ(two->group, "mail");
    EXPECT_EQ(two->worker_id, "worker of two");
    EXPECT_EQ(two->host, "a-host");
    EXPECT_EQ(two->pid, 4711);
    EXPECT_EQ(two->event_type, queue().type);
    EXPECT_GE(two->created_at, before);
    EXPECT_LE(two->created_at, after);
    EXPECT_FALSE(b->subscriber("three"));
    EXPECT_EQ(b->stats().subscribers, 2);
    bed().pass(3ms);
    a->upkeep({"default", {somebody("two", "mail")}, 10min});
    EXPECT_EQ(b->subscriber("two")->created_at, two->created_at) << "a heartbeat is not a beginning";
    EXPECT_EQ(b->stats().subscribers, 2);
}

TEST_P(StoreConformance, ASubscriberWithoutHeartbeatsIsGone) {
    const auto a = open(), b = open();
    a->upkeep({"default", {somebody("steady")}, 10min});
    a->upkeep({"default", {somebody("short-lived")}, doomed});
    bed().pass(doomed_for);
    EXPECT_EQ(ids_of_subscribers(*b), Ids{"steady"});
    EXPECT_FALSE(b->subscriber("short-lived"));
    EXPECT_EQ(b->stats().subscribers, 1);
    a->upkeep({"default", {somebody("short-lived")}, 10min});
    EXPECT_EQ(ids_of_subscribers(*b), (Ids{"short-lived", "steady"})) << "back again";
    a->upkeep({"", {somebody("steady")}, 10min});
    EXPECT_EQ(b->stats().subscribers, 2) << "also in an upkeep that looks for no group";
}

TEST_P(StoreConformance, ARemovedSubscriberIsGoneAtOnce) {
    const auto a = open(), b = open();
    a->upkeep({"default", {somebody("one"), somebody("two"), somebody("three")}, 10min});
    b->remove_subscribers({"one", "three", "never was"});
    EXPECT_EQ(ids_of_subscribers(*a), Ids{"two"});
    EXPECT_FALSE(a->subscriber("one"));
    EXPECT_EQ(a->stats().subscribers, 1);
    b->remove_subscribers({"two"});
    EXPECT_TRUE(a->subscribers().empty());
}

TEST_P(StoreConformance, UpkeepMakesTheDefaultGroupOnly) {
    const auto session = open();
    EXPECT_FALSE(session->upkeep());
    EXPECT_FALSE(session->upkeep("mail"));
    session->publish_one();
    EXPECT_TRUE(session->upkeep());
    EXPECT_TRUE(session->upkeep("mail")) << "its first take would find the event";
    EXPECT_EQ(session->stats().groups.size(), 1u);
}

TEST_P(StoreConformance, WatchersHearOfPublishAndOfTheFinalStatus) {
    Heard heard;
    const auto publisher = open(), worker = open(), watcher = open();
    publisher->publish_one("before anybody watched");
    watch(*watcher, 1, heard);
    publisher->publish({"a", "b"});
    const TakeReply taken = worker->take(3);
    ASSERT_EQ(taken.events.size(), 3u);
    worker->settle(2, taken.epoch);
    worker->settle(3, taken.epoch, Verdict::failed, "no");
    worker->settle(1, taken.epoch, Verdict::handed_back);
    worker->settle_all(worker->take());
    ASSERT_TRUE(heard.count.wait_for(5)) << "heard " << heard.count.value();
    const std::vector<EventNotice> expected = {{2, EventStatus::pending, publisher->worker_id()},
                                               {3, EventStatus::pending, publisher->worker_id()},
                                               {2, EventStatus::processed, worker->worker_id()},
                                               {3, EventStatus::error, worker->worker_id()},
                                               {1, EventStatus::processed, worker->worker_id()}};
    const auto notices = heard.notices();
    ASSERT_EQ(notices.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(notices[i].event_id, expected[i].event_id) << "notice " << i;
        EXPECT_EQ(notices[i].status, expected[i].status) << "notice " << i;
        EXPECT_EQ(notices[i].worker_id, expected[i].worker_id) << "notice " << i;
    }
}

TEST_P(StoreConformance, WatchersHearOfAnEventGivenUp) {
    Heard heard;
    const auto worker = open(), watcher = open();
    worker->publish_one();
    for (int lost = 0; lost < 3; ++lost) {
        ASSERT_EQ(worker->take(1, doomed).events.size(), 1u);
        bed().pass(doomed_for);
    }
    watch(*watcher, 1, heard);
    ASSERT_EQ(worker->take().refused.size(), 1u);
    ASSERT_TRUE(heard.count.wait_for(1));
    EXPECT_EQ(heard.notices()[0].event_id, 1);
    EXPECT_EQ(heard.notices()[0].status, EventStatus::error);
}

TEST_P(StoreConformance, EveryWatcherHearsUntilItStops) {
    Heard one, two, other_store;
    const auto publisher = open(), a = open(), b = open();
    watch(*a, 1, one);
    watch(*a, 2, two);
    watch(*b, 1, other_store);
    publisher->publish_one();
    ASSERT_TRUE(one.count.wait_for(1) && two.count.wait_for(1) && other_store.count.wait_for(1));
    a->run([](Store& store) { store.unwatch(1); });
    publisher->publish_one();
    ASSERT_TRUE(two.count.wait_for(2) && other_store.count.wait_for(2));
    EXPECT_EQ(one.count.value(), 1);
    a->run([](Store& store) {
        store.unwatch(2);
        store.unwatch(2);
        store.unwatch(77);
    });
    publisher->publish_one();
    ASSERT_TRUE(other_store.count.wait_for(3));
    EXPECT_EQ(two.count.value(), 2);
}

TEST_P(StoreConformance, AWatcherMayStopInsideItsOwnNotice) {
    Heard others;
    Counter heard;
    const auto publisher = open(), watcher = open();
    const auto ready = watcher->call<Done>([&](Store& store, Callback<Done> callback) {
        Store* const its_store = &store;
        store.watch(1,
                    {[&heard, its_store](const EventNotice&) {
                         its_store->unwatch(1);
                         heard.add();
                     },
                     [] {}},
                    std::move(callback));
    });
    ASSERT_TRUE(ready.ok());
    watch(*watcher, 2, others);
    publisher->publish({"a", "b", "c"});
    ASSERT_TRUE(others.count.wait_for(3));
    EXPECT_EQ(heard.value(), 1);
}

TEST_P(StoreConformance, TypesAreRegisteredPerPrefix) {
    const QueueName orders{queue().prefix, "Orders"}, mails{queue().prefix, "Mails"};
    const QueueName elsewhere{queue().prefix + "2", "Orders"};
    const auto a = open(orders), b = open(mails), c = open(elsewhere);
    const auto types = [&](const std::string& prefix) {
        const auto result = a->call<Ids>([&](Store&, Callback<Ids> callback) {
            a->backend().list_types(prefix, std::nullopt, std::move(callback));
        });
        EXPECT_TRUE(result.ok());
        Ids list = result.ok() ? result.value() : Ids{};
        std::sort(list.begin(), list.end());
        return list;
    };
    EXPECT_EQ(types(queue().prefix), Ids{});
    a->add_type();
    a->add_type();
    b->add_type();
    EXPECT_EQ(types(queue().prefix), (Ids{"Mails", "Orders"}));
    EXPECT_EQ(types(queue().prefix + "2"), Ids{});
    c->add_type();
    EXPECT_EQ(types(queue().prefix + "2"), Ids{"Orders"});
    const auto removed = b->call<Done>(
        [&](Store&, Callback<Done> callback) { b->backend().remove_type(orders, std::nullopt, std::move(callback)); });
    EXPECT_TRUE(removed.ok());
    EXPECT_EQ(types(queue().prefix), Ids{"Mails"});
    EXPECT_EQ(types(queue().prefix + "2"), Ids{"Orders"});
}

TEST_P(StoreConformance, TheBackendSaysAtOnceThatItIsUsable) {
    const auto session = open();
    const auto checked = session->call<Done>([&](Store&, Callback<Done> callback) {
        session->backend().check(std::chrono::steady_clock::now() + patience, std::move(callback));
    });
    EXPECT_TRUE(checked.ok());
    EXPECT_FALSE(session->backend().describe().empty());
    EXPECT_GT(session->backend().command_timeout(), 0ms);
    EXPECT_GT(session->backend().connect_timeout(), 0ms);
}

TEST_P(StoreConformance, OtherTypesAndPrefixesAreOtherQueues) {
    Heard heard;
    Counter woken;
    const QueueName other_type{queue().prefix, "Other"}, other_prefix{queue().prefix + "2", queue().type};
    const auto ours = open();
    for (const QueueName& name : {other_type, other_prefix}) {
        SCOPED_TRACE(name.prefix + " " + name.type);
        const auto theirs = open(name);
        ASSERT_TRUE(theirs->take().events.empty());
        theirs->run([&](Store& store) { store.wait("default", [&] { woken.add(); }); });
        watch(*theirs, 1, heard);
        const EventId id = ours->publish_one();
        ours->upkeep({"default", {somebody("ours")}, 10min});
        EXPECT_FALSE(theirs->get_one(id));
        EXPECT_TRUE(theirs->search_all().empty());
        EXPECT_EQ(theirs->count(), 0);
        EXPECT_FALSE(theirs->upkeep());
        EXPECT_TRUE(theirs->take().events.empty());
        EXPECT_TRUE(theirs->subscribers().empty());
        EXPECT_FALSE(theirs->subscriber("ours"));
        EXPECT_EQ(theirs->stats().last_id, 0);
        const TakeReply taken = ours->take();
        ASSERT_EQ(taken.events.size(), 1u);
        EXPECT_FALSE(theirs->settle(id, taken.epoch));
        EXPECT_TRUE(ours->settle(id, taken.epoch));
        EXPECT_EQ(theirs->publish_one(), 1) << "and it counts for itself";
        EXPECT_TRUE(woken.wait_for(1));
    }
    for (const EventNotice& notice : heard.notices()) {
        EXPECT_EQ(notice.event_id, 1) << "only their own";
        EXPECT_EQ(notice.status, EventStatus::pending);
    }
}

TEST_P(StoreConformance, AClosedStoreNeverCallsBack) {
    Heard heard;
    Counter answered;
    const auto publisher = open();
    auto closed = open();
    const auto client = closed->backend().shared_from_this();
    watch(*closed, 1, heard);
    closed->run([&](Store& store) {
        store.wait("default", [&] { answered.add(); });
        for (int i = 0; i < 10; ++i) {
            store.stats(true, std::nullopt, [&](Result<QueueStats>) { answered.add(); });
        }
    });
    closed.reset();
    const std::int64_t before = answered.value();
    publisher->publish_one();
    publisher->stats();
    EXPECT_EQ(answered.value(), before);
    EXPECT_EQ(heard.count.value(), 0);
}

}  // namespace eventy::test
