// What a taker may do with what it holds, and what it may not any more.
#include "store/store_fixture.hpp"

namespace eventy::test {

TEST_P(StoreConformance, AProcessedEventSaysByWhomAndFromWhenToWhen) {
    const auto publisher = open(), worker = open();
    publisher->publish_one("work");
    const TakeReply taken = worker->take();
    bed().pass(20ms);
    SettleRequest request;
    request.group = "default";
    request.settlements = {{{1, taken.epoch}, Verdict::processed, {}, 15ms, 5ms}};
    const Timestamp before = bed().now();
    ASSERT_EQ(worker->settle(request), StillHeld{true});
    const Timestamp after = bed().now();
    const auto event = publisher->get_one(1);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->status, EventStatus::processed);
    EXPECT_EQ(event->processed_by, worker->worker_id());
    EXPECT_EQ(event->worker_id, publisher->worker_id());
    EXPECT_EQ(event->payload, "work");
    EXPECT_EQ(event->attempt, 1);
    EXPECT_EQ(event->last_error, "");
    ASSERT_TRUE(event->started_at && event->finished_at);
    EXPECT_GE(*event->started_at, before - 15ms);
    EXPECT_LE(*event->started_at, after - 15ms);
    EXPECT_EQ(*event->finished_at - *event->started_at, 10ms);
    EXPECT_FALSE(worker->upkeep());
    EXPECT_TRUE(worker->take().events.empty());
}

TEST_P(StoreConformance, AFailedEventIsErrorWithItsReasonAndIsNotTakenAgain) {
    const auto worker = open();
    worker->publish({"bad", "good"});
    const TakeReply taken = worker->take(2);
    const std::string reason = "it said: \"no\"\nand 'twice' \xc3\xa4";
    ASSERT_TRUE(worker->settle(1, taken.epoch, Verdict::failed, reason));
    ASSERT_TRUE(worker->settle(2, taken.epoch));
    const auto event = worker->get_one(1);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->status, EventStatus::error);
    EXPECT_EQ(event->last_error, reason);
    EXPECT_EQ(event->processed_by, worker->worker_id());
    EXPECT_EQ(event->attempt, 1);
    EXPECT_TRUE(event->started_at && event->finished_at);
    EXPECT_EQ(worker->get_one(2)->status, EventStatus::processed);
    EXPECT_TRUE(worker->take().events.empty());
    EXPECT_FALSE(worker->upkeep());
}

TEST_P(StoreConformance, AReasonIsKeptUpToItsLimit) {
    const auto worker = open();
    worker->publish({"a", "b"});
    const TakeReply taken = worker->take(2);
    ASSERT_TRUE(worker->settle(1, taken.epoch, Verdict::failed, std::string(4096, 'x')));
    ASSERT_TRUE(worker->settle(2, taken.epoch, Verdict::failed, std::string(100'000, 'y')));
    EXPECT_EQ(worker->get_one(1)->last_error, std::string(4096, 'x'));
    EXPECT_EQ(worker->get_one(2)->last_error, std::string(4096, 'y'));
}

TEST_P(StoreConformance, AReasonIsKeptAsUtf8) {
    const auto worker = open();
    worker->publish({"a", "b"});
    const TakeReply taken = worker->take(2);
    ASSERT_TRUE(worker->settle(1, taken.epoch, Verdict::failed,
                               "\xFF\x01 b\xC3\xA4"
                               "d\xC3"));
    ASSERT_TRUE(worker->settle(2, taken.epoch, Verdict::failed, std::string(4095, 'x') + "\xC3\xA4"));
    const std::string cleaned =
        "\xEF\xBF\xBD\x01 b\xC3\xA4"
        "d\xEF\xBF\xBD";
    EXPECT_EQ(worker->get_one(1)->last_error, cleaned);
    EXPECT_EQ(worker->get_one(1)->failures.at(0).error, cleaned);
    EXPECT_EQ(worker->get_one(2)->last_error, std::string(4095, 'x')) << "cut before a character, not in it";
}

TEST_P(StoreConformance, ADeadEventIsKeptFromItsDeathOn) {
    for (milliseconds ttl = 50ms;; ttl *= 2) {
        ASSERT_LT(ttl, patience);
        next_queue();
        const auto worker = open();
        worker->publish_one("short-lived", ttl);
        const TakeReply taken = worker->take();
        SettleRequest request;
        request.group = "default";
        request.ttl = long_ttl;
        request.settlements = {{{1, taken.epoch}, Verdict::failed, "broken"}};
        if (taken.events.empty() || worker->settle(request) != StillHeld{true} || !worker->get_one(1)) {
            continue;  // too slow for this TTL
        }
        bed().pass(ttl + doomed_for);
        const auto event = worker->get_one(1);
        ASSERT_TRUE(event) << "it is kept for the worker's TTL";
        EXPECT_EQ(event->status, EventStatus::error);
        EXPECT_EQ(event->payload, "short-lived");
        return;
    }
}

TEST_P(StoreConformance, AHandedBackEventIsThereAtOnceForAnother) {
    const auto a = open(), b = open();
    a->publish({"x", "y"});
    const TakeReply taken = a->take(1);
    ASSERT_TRUE(a->settle(1, taken.epoch, Verdict::handed_back));
    EXPECT_EQ(a->get_one(1)->status, EventStatus::pending);
    EXPECT_EQ(a->get_one(1)->processed_by, "");
    EXPECT_TRUE(b->upkeep());
    const TakeReply again = b->take(10);
    ASSERT_EQ(ids_of(again.events), (std::vector<EventId>{1, 2}));
    EXPECT_EQ(again.events[0].attempt, 1) << "a hand-back is no attempt";
    ASSERT_TRUE(b->settle(1, again.epoch));
    EXPECT_EQ(a->get_one(1)->status, EventStatus::processed);
}

TEST_P(StoreConformance, EachVerdictOfARequestIsAppliedAndAnsweredByItself) {
    const auto worker = open();
    worker->publish(std::vector<std::string>(4, "x"));
    const TakeReply taken = worker->take(4);
    SettleRequest request;
    request.group = "default";
    request.settlements = {{{3, taken.epoch}, Verdict::failed, "no"}, {{9, taken.epoch}, Verdict::processed},
                           {{1, taken.epoch}, Verdict::processed},    {{2, taken.epoch - 1}, Verdict::processed},
                           {{4, taken.epoch}, Verdict::handed_back},  {{1, taken.epoch}, Verdict::failed, "again"}};
    EXPECT_EQ(worker->settle(request), (StillHeld{true, false, true, false, true, false}));
    const auto events = worker->get({1, 2, 3, 4});
    EXPECT_EQ(events[0]->status, EventStatus::processed);
    EXPECT_EQ(events[1]->status, EventStatus::processing);
    EXPECT_EQ(events[2]->status, EventStatus::error);
    EXPECT_EQ(events[3]->status, EventStatus::pending);
    EXPECT_EQ(events[0]->last_error, "");
}

TEST_P(StoreConformance, SettlingAThousandInOneRequest) {
    const auto worker = open();
    worker->publish(std::vector<std::string>(1000, "x"));
    const TakeReply taken = worker->take(1000);
    ASSERT_EQ(taken.events.size(), 1000u);
    worker->settle_all(taken);
    EXPECT_EQ(worker->count({.status = EventStatus::processed}), 1000);
}

TEST_P(StoreConformance, AStaleEpochChangesNothing) {
    const auto slow = open(), quick = open();
    slow->publish_one();
    const TakeReply first = slow->take(1, doomed);
    bed().pass(doomed_for);
    const TakeReply second = quick->take();
    ASSERT_EQ(second.events.size(), 1u);
    for (const Verdict verdict : {Verdict::processed, Verdict::failed, Verdict::handed_back}) {
        EXPECT_FALSE(slow->settle(1, first.epoch, verdict, "late"));
        const auto event = slow->get_one(1);
        EXPECT_EQ(event->status, EventStatus::processing);
        EXPECT_EQ(event->last_error, "");
        EXPECT_EQ(event->processed_by, "");
    }
    EXPECT_FALSE(slow->renew(1, first.epoch));
    EXPECT_FALSE(slow->progress(1, first.epoch, 0.5));
    EXPECT_FALSE(slow->settle(1, second.epoch + 1)) << "nor does one that never was";
    EXPECT_TRUE(quick->take().events.empty());
    EXPECT_TRUE(quick->settle(1, second.epoch));
    EXPECT_FALSE(slow->settle(1, first.epoch, Verdict::failed, "later still"));
    EXPECT_EQ(slow->get_one(1)->status, EventStatus::processed);
    EXPECT_EQ(slow->get_one(1)->processed_by, quick->worker_id());
}

TEST_P(StoreConformance, AHandedBackLeaseIsStaleEvenIfNobodyTookItSince) {
    const auto worker = open();
    worker->publish_one();
    const TakeReply taken = worker->take();
    ASSERT_TRUE(worker->settle(1, taken.epoch, Verdict::handed_back));
    EXPECT_FALSE(worker->settle(1, taken.epoch));
    EXPECT_FALSE(worker->settle(1, taken.epoch, Verdict::handed_back));
    EXPECT_FALSE(worker->renew(1, taken.epoch));
    EXPECT_FALSE(worker->progress(1, taken.epoch, 0.5));
    EXPECT_EQ(worker->get_one(1)->status, EventStatus::pending);
    EXPECT_EQ(ids_of(worker->take(10).events), (std::vector<EventId>{1}));
}

TEST_P(StoreConformance, TheSecondSettleOfALeaseIsRefused) {
    const auto worker = open();
    worker->publish_one();
    const TakeReply taken = worker->take();
    EXPECT_TRUE(worker->settle(1, taken.epoch));
    EXPECT_FALSE(worker->settle(1, taken.epoch));
    EXPECT_FALSE(worker->settle(1, taken.epoch, Verdict::failed, "no"));
    EXPECT_FALSE(worker->settle(1, taken.epoch, Verdict::handed_back));
    EXPECT_EQ(worker->get_one(1)->status, EventStatus::processed);
    EXPECT_TRUE(worker->take().events.empty());
}

TEST_P(StoreConformance, NobodyHoldsWhatWasNeverTaken) {
    const auto worker = open();
    EXPECT_FALSE(worker->settle(1, 1)) << "no queue yet";
    EXPECT_FALSE(worker->renew(1, 1));
    EXPECT_FALSE(worker->progress(1, 1, 0.5));
    worker->publish_one();
    EXPECT_FALSE(worker->settle(1, 0));
    EXPECT_FALSE(worker->settle(77, 1));
    EXPECT_FALSE(worker->settle(1, 1, Verdict::failed, "no", "a group that never was"));
    EXPECT_FALSE(worker->renew(1, 0));
    EXPECT_EQ(worker->get_one(1)->status, EventStatus::pending);
    EXPECT_EQ(ids_of(worker->take(10).events), (std::vector<EventId>{1}));
    EXPECT_EQ(worker->stats().groups.size(), 1u) << "nor does asking make the group";
}

TEST_P(StoreConformance, ALeaseThatRanOutAndWasNotTakenIsStillGood) {
    const auto worker = open();
    worker->publish({"a", "b", "c", "d"});
    const TakeReply taken = worker->take(4, doomed);
    bed().pass(doomed_for);
    EXPECT_TRUE(worker->settle(1, taken.epoch));
    EXPECT_TRUE(worker->settle(2, taken.epoch, Verdict::failed, "no"));
    EXPECT_TRUE(worker->progress(3, taken.epoch, 0.5));
    EXPECT_TRUE(worker->renew(3, taken.epoch, long_lease));
    EXPECT_TRUE(worker->settle(4, taken.epoch, Verdict::handed_back));
    const TakeReply again = worker->take(10);
    EXPECT_EQ(ids_of(again.events), (std::vector<EventId>{4})) << "3 was renewed";
    EXPECT_TRUE(worker->settle(3, taken.epoch));
}

TEST_P(StoreConformance, RenewingNeverShortens) {
    const auto a = open(), b = open();
    a->publish_one();
    const TakeReply taken = a->take();
    EXPECT_TRUE(a->renew(1, taken.epoch, doomed));
    bed().pass(doomed_for);
    EXPECT_FALSE(b->upkeep());
    EXPECT_TRUE(b->take().events.empty());
    EXPECT_TRUE(a->settle(1, taken.epoch));
}

TEST_P(StoreConformance, RenewingAnswersForEachLease) {
    const auto a = open(), b = open();
    a->publish({"a", "b", "c"});
    const TakeReply taken = a->take(3, doomed);
    bed().pass(doomed_for);
    const TakeReply stolen = b->take(1);
    ASSERT_EQ(stolen.events.size(), 1u);
    const EventId lost = stolen.events[0].id;
    RenewRequest request{"default", long_lease, {}};
    StillHeld expected;
    for (EventId id = 3; id >= 1; --id) {
        request.leases.push_back({id, taken.epoch});
        expected.push_back(id != lost);
    }
    request.leases.push_back({4, taken.epoch});
    expected.push_back(false);
    EXPECT_EQ(a->renew(request), expected);
    EXPECT_TRUE(b->take(10).events.empty()) << "all are leased again";
}

TEST_P(StoreConformance, ProgressIsAcceptedFromTheHolderOnlyAndChangesNothingElse) {
    const auto worker = open();
    worker->publish_one("work");
    const TakeReply taken = worker->take();
    EXPECT_TRUE(worker->progress(1, taken.epoch, 0.25, "a quarter"));
    EXPECT_TRUE(worker->progress(1, taken.epoch, 1.0));
    EXPECT_FALSE(worker->progress(1, taken.epoch + 1, 0.5));
    EXPECT_EQ(worker->get_one(1)->status, EventStatus::processing);
    EXPECT_EQ(worker->get_one(1)->payload, "work");
    ASSERT_TRUE(worker->settle(1, taken.epoch));
    EXPECT_FALSE(worker->progress(1, taken.epoch, 0.5));
}

// A1: a settle must not create the event anew.
TEST_P(StoreConformance, SettlingAnEventThatExpiredMeanwhileIsAcceptedAndLeavesNothing) {
    for (const Verdict verdict : {Verdict::processed, Verdict::failed, Verdict::handed_back}) {
        next_queue();
        const Held held = hold_an_expired_event();
        Session& worker = *held.worker;
        const EventId id = held.lease.id;
        ASSERT_FALSE(worker.get_one(id));
        EXPECT_TRUE(worker.progress(id, held.lease.epoch, 0.5)) << "the lease is still its taker's";
        EXPECT_FALSE(worker.get_one(id));
        EXPECT_TRUE(worker.settle(id, held.lease.epoch, verdict, "too late"));
        EXPECT_FALSE(worker.get_one(id));
        EXPECT_FALSE(worker.settle(id, held.lease.epoch));
        EXPECT_TRUE(worker.search_all().empty());
        EXPECT_TRUE(worker.take(10).events.empty());
        EXPECT_TRUE(
            eventually(worker, [&] { return worker.count() == 0 && worker.stats().groups["default"].lag == 0; }))
            << "lag " << worker.stats().groups["default"].lag;
        const auto by_status = worker.stats().by_status;
        for (const auto& [status, count] : by_status) {
            EXPECT_EQ(count, 0) << status;
        }
        EXPECT_EQ(worker.stats().expired, verdict == Verdict::processed ? 0 : 1)
            << "it is counted as expired when nobody processed it";
    }
}

TEST_P(StoreConformance, RenewingAnEventThatExpiredMeanwhileLeavesNothing) {
    const Held held = hold_an_expired_event();
    EXPECT_TRUE(held.worker->renew(held.lease.id, held.lease.epoch));
    EXPECT_FALSE(held.worker->get_one(held.lease.id));
    EXPECT_TRUE(held.worker->settle(held.lease.id, held.lease.epoch));
    EXPECT_FALSE(held.worker->get_one(held.lease.id));
    EXPECT_EQ(held.worker->stats().expired, 0);
}

TEST_P(StoreConformance, RenewingKeepsTheEventForTwoLeasesMore) {
    // As long as the handler runs, its event lives: renewed at a third of the lease, it outlives its TTL.
    for (milliseconds ttl = 50ms;; ttl *= 2) {
        ASSERT_LT(ttl, patience);
        next_queue();
        const auto worker = open();
        const EventId id = worker->publish_one("long work", ttl);
        const TakeReply taken = worker->take();
        if (taken.events.empty() || !worker->renew(id, taken.epoch, 10min) || !worker->get_one(id)) {
            continue;  // too slow for this TTL
        }
        bed().pass(ttl + doomed_for);
        ASSERT_TRUE(worker->get_one(id)) << "it was renewed in time";
        EXPECT_TRUE(worker->settle(id, taken.epoch));
        EXPECT_EQ(worker->get_one(id)->status, EventStatus::processed);
        return;
    }
}

}  // namespace eventy::test
