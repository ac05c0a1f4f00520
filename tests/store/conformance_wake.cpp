// Waking: one thing to do wakes one idle worker, and none is forgotten.
#include "store/store_fixture.hpp"

namespace eventy::test {

namespace {

/// Works as an idle worker does: looks once, then waits; each time it is woken it takes one event and processes it. All
/// of it happens on the I/O thread.
class OneAtATime {
public:
    struct Tally {
        Counter looked, woken, processed, empty;
    };

    OneAtATime(std::unique_ptr<Session> session, Tally& tally) : session_(std::move(session)), tally_(tally) {
        session_->run([this](Store& store) {
            store.wait("default", [this, &store] {
                tally_.woken.add();
                take(store);
            });
            take(store);
        });
    }
    ~OneAtATime() {
        session_->run([](Store& store) { store.stop_waiting("default"); });
        session_.reset();
    }

private:
    void take(Store& store) {
        TakeRequest request;
        request.group = "default";
        request.lease = long_lease;
        request.ttl = long_ttl;
        request.worker_id = session_->worker_id();
        store.take(request, [this, &store](Result<TakeReply> reply) {
            if (!reply.ok() || reply.value().events.empty()) {
                tally_.empty.add();
                tally_.looked.add();
                return;
            }
            SettleRequest settle;
            settle.group = "default";
            settle.ttl = long_ttl;
            settle.settlements = {{{reply.value().events[0].id, reply.value().epoch}, Verdict::processed}};
            store.settle(settle, [this](Result<StillHeld>) {
                tally_.processed.add();
                tally_.looked.add();
            });
        });
    }

    std::unique_ptr<Session> session_;
    Tally& tally_;
};

}  // namespace

TEST_P(StoreConformance, APublishWakesAnIdleWaiter) {
    Counter woken;
    const auto publisher = open(), worker = open();
    ASSERT_TRUE(worker->take().events.empty());
    worker->run([&](Store& store) { store.wait("default", [&] { woken.add(); }); });
    EXPECT_EQ(woken.value(), 0);
    publisher->publish_one();
    ASSERT_TRUE(woken.wait_for(1));
    EXPECT_EQ(worker->take().events.size(), 1u);
    publisher->publish_one();
    ASSERT_TRUE(woken.wait_for(2)) << "it goes on waiting until it stops";
    EXPECT_EQ(worker->take().events.size(), 1u);
    worker->run([](Store& store) { store.stop_waiting("default"); });
}

TEST_P(StoreConformance, AHandBackWakesAnIdleWaiter) {
    Counter woken;
    const auto busy = open(), idle = open();
    busy->publish_one();
    const TakeReply taken = busy->take();
    ASSERT_TRUE(idle->take().events.empty());
    idle->run([&](Store& store) { store.wait("default", [&] { woken.add(); }); });
    ASSERT_TRUE(busy->settle(1, taken.epoch, Verdict::handed_back));
    ASSERT_TRUE(woken.wait_for(1));
    EXPECT_EQ(idle->take().events.size(), 1u);
}

TEST_P(StoreConformance, ATakeThatLeavesSomethingWakesTheNext) {
    Counter woken;
    const auto publisher = open(), a = open(), b = open();
    ASSERT_TRUE(a->take().events.empty());
    b->run([&](Store& store) { store.wait("default", [&] { woken.add(); }); });
    publisher->publish({"x", "y", "z"});
    ASSERT_TRUE(woken.wait_for(1));
    EXPECT_TRUE(a->take(1).more);
    ASSERT_TRUE(woken.wait_for(2));
    EXPECT_TRUE(a->take(1).more);
    ASSERT_TRUE(woken.wait_for(3));
}

TEST_P(StoreConformance, AMarkerThatFindsNobodyWaitsForTheNext) {
    Counter woken;
    const auto publisher = open(), worker = open();
    ASSERT_TRUE(worker->take().events.empty());
    publisher->publish_one();
    worker->run([&](Store& store) { store.wait("default", [&] { woken.add(); }); });
    EXPECT_TRUE(woken.wait_for(1));
}

TEST_P(StoreConformance, WhoStoppedWaitingIsNotWokenAndAnotherIs) {
    Counter wrong, right;
    const auto publisher = open(), gone = open(), there = open();
    ASSERT_TRUE(gone->take().events.empty());
    gone->run([&](Store& store) { store.wait("default", [&] { wrong.add(); }); });
    gone->run([](Store& store) { store.stop_waiting("default"); });
    there->run([&](Store& store) { store.wait("default", [&] { right.add(); }); });
    for (int i = 1; i <= 10; ++i) {
        publisher->publish_one();
        ASSERT_TRUE(right.wait_for(i)) << "event " << i;
        ASSERT_EQ(there->take().events.size(), 1u);
    }
    EXPECT_EQ(wrong.value(), 0);
}

TEST_P(StoreConformance, AClosedStoreTakesNoMarkerWithIt) {
    Counter wrong, right;
    const auto publisher = open(), there = open();
    auto gone = open();
    ASSERT_TRUE(gone->take().events.empty());
    gone->run([&](Store& store) { store.wait("default", [&] { wrong.add(); }); });
    const auto client = gone->backend().shared_from_this();  // other queues of it go on
    gone.reset();
    there->run([&](Store& store) { store.wait("default", [&] { right.add(); }); });
    publisher->publish_one();
    EXPECT_TRUE(right.wait_for(1));
    EXPECT_EQ(wrong.value(), 0);
}

TEST_P(StoreConformance, AMarkerThatComesJustAsItsWaiterStopsGoesToAnother) {
    Counter woken;  // either of them
    const auto publisher = open(), fickle = open(), there = open();
    ASSERT_TRUE(fickle->take().events.empty());
    there->run([&](Store& store) { store.wait("default", [&] { woken.add(); }); });
    for (int i = 1; i <= 50; ++i) {
        fickle->run([&](Store& store) { store.wait("default", [&] { woken.add(); }); });
        publisher->run([](Store& store) {
            PublishRequest request;
            request.ttl = long_ttl;
            request.events.resize(1);
            store.publish(std::move(request), std::nullopt, [](const Result<PublishReply>&) {});
        });
        fickle->run([](Store& store) { store.stop_waiting("default"); });
        ASSERT_TRUE(woken.wait_for(i)) << "the marker of event " << i << " was lost";
        ASSERT_EQ(there->take().events.size(), 1u);
    }
}

TEST_P(StoreConformance, StoppingAWaitThatNeverBeganIsFine) {
    const auto session = open();
    session->run([](Store& store) {
        store.stop_waiting("default");
        store.wait("default", [] {});
        store.stop_waiting("default");
        store.stop_waiting("default");
    });
    session->publish_one();
    EXPECT_EQ(session->take().events.size(), 1u);
}

TEST_P(StoreConformance, AWaiterOfAnotherGroupIsWokenForItsOwn) {
    Counter standard, mail;
    const auto publisher = open(), worker = open();
    ASSERT_TRUE(worker->take().events.empty());
    ASSERT_TRUE(worker->take(1, long_lease, "mail").events.empty());
    worker->run([&](Store& store) {
        store.wait("default", [&] { standard.add(); });
        store.wait("mail", [&] { mail.add(); });
    });
    publisher->publish_one();
    EXPECT_TRUE(standard.wait_for(1));
    EXPECT_TRUE(mail.wait_for(1));
    const TakeReply taken = worker->take(1, long_lease, "mail");
    ASSERT_TRUE(worker->take(1, long_lease, "mail").events.empty());
    ASSERT_TRUE(worker->settle(1, taken.epoch, Verdict::handed_back, {}, "mail"));
    EXPECT_TRUE(mail.wait_for(2));
    EXPECT_EQ(standard.value(), 1);
}

TEST_P(StoreConformance, ABurstWakesAsManyAsItTakesAndNoHerd) {
    constexpr int workers = 20, bursts = 10, burst = 20;
    OneAtATime::Tally tally;
    std::vector<std::unique_ptr<OneAtATime>> idle;
    for (int i = 0; i < workers; ++i) {
        idle.push_back(std::make_unique<OneAtATime>(open(), tally));
    }
    ASSERT_TRUE(tally.looked.wait_for(workers));
    const std::int64_t empty_at_first = tally.empty.value();
    const auto publisher = open();
    for (int i = 1; i <= bursts; ++i) {
        if (i % 2 == 0) {
            publisher->publish(std::vector<std::string>(burst, "x"));
        } else {
            for (int k = 0; k < burst; ++k) {
                publisher->publish_one();
            }
        }
        ASSERT_TRUE(tally.processed.wait_for(i * burst)) << "burst " << i << ": " << tally.processed.value();
    }
    const std::int64_t empty = tally.empty.value() - empty_at_first;
    EXPECT_LE(empty * 20, bursts * burst) << empty << " takes of " << tally.woken.value() << " found nothing";
    EXPECT_EQ(publisher->count({.status = EventStatus::processed}), bursts * burst);
}

TEST_P(StoreConformance, OneEventWakesOneOfMany) {
    constexpr int workers = 10, events = 30;
    OneAtATime::Tally tally;
    std::vector<std::unique_ptr<OneAtATime>> idle;
    for (int i = 0; i < workers; ++i) {
        idle.push_back(std::make_unique<OneAtATime>(open(), tally));
    }
    ASSERT_TRUE(tally.looked.wait_for(workers));
    const std::int64_t woken_at_first = tally.woken.value();
    const auto publisher = open();
    for (int i = 1; i <= events; ++i) {
        publisher->publish_one();
        ASSERT_TRUE(tally.processed.wait_for(i));
    }
    EXPECT_LE(tally.woken.value() - woken_at_first, events + events / 10);
}

}  // namespace eventy::test
