#include "core/delivery.hpp"

#include <gtest/gtest.h>

#include <random>

namespace eventy::detail {
namespace {

using namespace std::chrono_literals;

class DeliveryTest : public ::testing::Test {
protected:
    static std::vector<Lease> leases(EventId first, int count, std::int64_t epoch = 1) {
        std::vector<Lease> all;
        for (int i = 0; i < count; ++i) {
            all.push_back({first + i, epoch});
        }
        return all;
    }
    SteadyTime at(SteadyDuration since_start) const { return SteadyTime{} + 1h + since_start; }

    Delivery delivery_{{.concurrency = 4, .lease = 9s}};
};

TEST_F(DeliveryTest, DoesNothingBeforeThereAreSubscribers) {
    EXPECT_EQ(delivery_.next_take(), 0);
    EXPECT_FALSE(delivery_.wants_wait());
    delivery_.look();
    EXPECT_EQ(delivery_.next_take(), 0);
}

TEST_F(DeliveryTest, FirstTakesAsManyAsCanRunAtOnce) {
    delivery_.start();
    EXPECT_EQ(delivery_.next_take(), 4);
    EXPECT_EQ(delivery_.next_take(), 0) << "one take at a time";
    EXPECT_FALSE(delivery_.wants_wait()) << "not while a take is on its way";
}

TEST_F(DeliveryTest, WaitsOnlyAfterATakeLeftNothing) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 2), false);
    EXPECT_TRUE(delivery_.wants_wait());
    EXPECT_EQ(delivery_.next_take(), 0);
    delivery_.look();
    EXPECT_FALSE(delivery_.wants_wait());
    EXPECT_EQ(delivery_.next_take(), 2);
}

TEST_F(DeliveryTest, GoesOnTakingWhileThereIsMore) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 2), true);
    EXPECT_EQ(delivery_.next_take(), 2);
}

TEST_F(DeliveryTest, AMarkerDuringATakeIsNotForgotten) {
    delivery_.start();
    delivery_.next_take();
    delivery_.look();
    delivery_.taken(at(0s), {}, false);
    EXPECT_EQ(delivery_.next_take(), 4);
}

TEST_F(DeliveryTest, FullItNeitherTakesNorWaits) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 4), true);
    EXPECT_EQ(delivery_.next_take(), 0);
    EXPECT_FALSE(delivery_.wants_wait());
    delivery_.finished({2, 1}, 1s);
    EXPECT_EQ(delivery_.next_take(), 1) << "slow handlers: nothing is taken to lie ready";
}

TEST_F(DeliveryTest, QuickHandlersMakeItTakeAhead) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 4), true);
    for (EventId id = 1; id <= 4; ++id) {
        delivery_.finished({id, 1}, 10us);
    }
    EXPECT_EQ(delivery_.window(), 1000);
    EXPECT_EQ(delivery_.next_take(), 1000);
    delivery_.taken(at(0s), leases(5, 1000), true);
    for (EventId id = 5; id < 405; ++id) {
        delivery_.finished({id, 1}, 10us);
    }
    EXPECT_EQ(delivery_.next_take(), 0) << "in large steps, not one by one";
    for (EventId id = 405; id < 605; ++id) {
        delivery_.finished({id, 1}, 10us);
    }
    EXPECT_EQ(delivery_.next_take(), 600);
}

TEST_F(DeliveryTest, OneSlowHandlerShrinksTheWindowAtOnce) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 4), true);
    delivery_.finished({1, 1}, 10us);
    EXPECT_EQ(delivery_.window(), 1000);
    delivery_.finished({2, 1}, 10s);
    EXPECT_EQ(delivery_.window(), 4);
}

TEST_F(DeliveryTest, RenewsAllItHoldsAtAThirdOfTheLease) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 2, 7), false);
    EXPECT_TRUE(delivery_.next_renewal(at(2999ms)).empty());
    EXPECT_EQ(delivery_.next_renewal(at(3s)).size(), 2U);
    EXPECT_TRUE(delivery_.next_renewal(at(4s)).empty()) << "one renewal at a time";
    EXPECT_TRUE(delivery_.renewed(at(3s), leases(1, 2, 7), {true, true}).empty());
    EXPECT_TRUE(delivery_.next_renewal(at(5s)).empty());
    EXPECT_EQ(delivery_.lease_until({1, 7}), at(12s));
    EXPECT_EQ(delivery_.next_renewal(at(6s)).size(), 2U);
}

TEST_F(DeliveryTest, SaysWhenToAskForRenewalsAgain) {
    EXPECT_EQ(delivery_.next_renewal_at(), std::nullopt);
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 1), true);
    delivery_.next_take();
    delivery_.taken(at(2s), leases(2, 1), false);
    EXPECT_EQ(delivery_.next_renewal_at(), at(3s)) << "the older one's";
    delivery_.next_renewal(at(3s));
    EXPECT_EQ(delivery_.next_renewal_at(), std::nullopt) << "while one is on its way";
    delivery_.renewed(at(3s), leases(1, 2), {true, true});
    EXPECT_EQ(delivery_.next_renewal_at(), at(6s));
    delivery_.next_renewal(at(6s));
    delivery_.renewal_failed(at(8s));
    EXPECT_EQ(delivery_.next_renewal_at(), at(9500ms)) << "a sixth of the lease after it failed";
    EXPECT_TRUE(delivery_.next_renewal(at(9s)).empty());
    EXPECT_EQ(delivery_.next_renewal(at(9500ms)).size(), 2U);
}

TEST_F(DeliveryTest, ARevokedLeaseIsAskedForAtOnce) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 2), false);
    delivery_.leases_revoked();
    EXPECT_EQ(delivery_.next_renewal(at(1s)).size(), 2U);
    delivery_.leases_revoked();
    EXPECT_TRUE(delivery_.next_renewal(at(1s)).empty()) << "one renewal at a time";
    EXPECT_EQ(delivery_.renewed(at(1s), leases(1, 2), {true, false}).size(), 1U);
    EXPECT_EQ(delivery_.next_renewal(at(1s)).size(), 1U)
        << "the first may have been sent too early to know of the second";
    delivery_.renewed(at(1s), leases(1, 1), {true});
    EXPECT_TRUE(delivery_.next_renewal(at(1s)).empty());
}

TEST_F(DeliveryTest, AFinishedEventThatIsNotHeldAnyMoreIsNotAskedForAgainAndAgain) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 1), false);
    delivery_.next_renewal(at(4s));
    delivery_.finished({1, 1}, 1ms);
    delivery_.renewed(at(4s), leases(1, 1), {false});
    EXPECT_TRUE(delivery_.next_renewal(at(5s)).empty());
    EXPECT_EQ(delivery_.next_renewal_at(), at(7s));
}

TEST_F(DeliveryTest, AfterAReconnectRenewsWithoutWaitingForTheTime) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 1), false);
    delivery_.reconnected();
    EXPECT_EQ(delivery_.next_renewal(at(1ms)).size(), 1U);
    EXPECT_EQ(delivery_.next_take(), 3);
}

TEST_F(DeliveryTest, ALostLeaseIsToldOnceAndNoLongerHeld) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 2, 7), false);
    delivery_.next_renewal(at(3s));
    const auto lost = delivery_.renewed(at(3s), leases(1, 2, 7), {true, false});
    ASSERT_EQ(lost.size(), 1U);
    EXPECT_EQ(lost[0].id, 2);
    EXPECT_FALSE(delivery_.holds({2, 7}));
    EXPECT_TRUE(delivery_.holds({1, 7}));
}

TEST_F(DeliveryTest, AFinishedEventIsNotLostToARenewalThatCameAfterItsSettle) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 1, 7), false);
    delivery_.next_renewal(at(3s));
    delivery_.finished({1, 7}, 1ms);
    EXPECT_TRUE(delivery_.renewed(at(3s), leases(1, 1, 7), {false}).empty());
    EXPECT_TRUE(delivery_.holds({1, 7})) << "its settle's answer decides";
}

TEST_F(DeliveryTest, TheSameEventTakenAgainAfterALossIsAnotherLease) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 1, 7), false);
    delivery_.look();
    delivery_.next_take();
    delivery_.taken(at(10s), leases(1, 1, 8), false);
    delivery_.settled({1, 7});
    EXPECT_FALSE(delivery_.holds({1, 7}));
    EXPECT_TRUE(delivery_.holds({1, 8}));
}

TEST_F(DeliveryTest, AFailedTakeIsTriedAgainWithTheNextTick) {
    delivery_.start();
    delivery_.next_take();
    delivery_.take_failed();
    EXPECT_EQ(delivery_.next_take(), 0);
    delivery_.tick(at(1s));
    EXPECT_EQ(delivery_.next_take(), 4);
}

TEST_F(DeliveryTest, AfterStopItTakesNothing) {
    delivery_.start();
    delivery_.stop();
    delivery_.look();
    EXPECT_EQ(delivery_.next_take(), 0);
    EXPECT_FALSE(delivery_.wants_wait());
}

// Whatever happens in whatever order: never more unfinished than the window allowed when they were taken, one take and
// one renewal at a time, and room and a reason to look always end in a take.
TEST_F(DeliveryTest, RandomHistoriesKeepItsRules) {
    for (unsigned seed = 0; seed < 300; ++seed) {
        std::mt19937 random(seed);
        const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
        Delivery delivery({.concurrency = 1 + pick(8), .lease = 9s, .most_held = 64});
        delivery.start();
        SteadyTime now = at(0s);
        std::vector<Lease> running;
        EventId next_id = 1;
        int taking = 0;
        for (int step = 0; step < 200; ++step) {
            now += std::chrono::milliseconds(pick(2000));
            switch (pick(6)) {
                case 0: delivery.look(); break;
                case 1:
                    if (taking > 0) {
                        const auto got = leases(next_id, pick(taking + 1), step + 1);
                        next_id += static_cast<EventId>(got.size());
                        running.insert(running.end(), got.begin(), got.end());
                        delivery.taken(now, got, pick(2) == 0);
                        taking = 0;
                    }
                    break;
                case 2:
                case 3:
                    if (!running.empty()) {
                        const auto which = running.begin() + pick(static_cast<int>(running.size()));
                        delivery.finished(*which, std::chrono::microseconds(1 + pick(100'000)));
                        delivery.settled(*which);
                        running.erase(which);
                    }
                    break;
                case 4:
                    if (const auto due = delivery.next_renewal(now); !due.empty()) {
                        ASSERT_TRUE(delivery.next_renewal(now).empty()) << "seed " << seed;
                        StillHeld held;
                        for (std::size_t i = 0; i < due.size(); ++i) {
                            held.push_back(pick(10) != 0);
                        }
                        for (const auto& lost : delivery.renewed(now, due, held)) {
                            std::erase_if(running, [&](Lease l) { return l.id == lost.id && l.epoch == lost.epoch; });
                        }
                    }
                    break;
                default: delivery.tick(now); break;
            }
            if (taking == 0) {
                taking = delivery.next_take();
                ASSERT_LE(static_cast<int>(running.size()) + taking, 64) << "seed " << seed << " step " << step;
            } else {
                ASSERT_EQ(delivery.next_take(), 0);
            }
            ASSERT_EQ(delivery.held(), running.size()) << "seed " << seed << " step " << step;
            ASSERT_FALSE(taking > 0 && delivery.wants_wait());
        }
    }
}

TEST_F(DeliveryTest, TakesNothingBesideAnEventThatIsToBeAlone) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 1), true, true);
    EXPECT_EQ(delivery_.next_take(), 0);
    EXPECT_FALSE(delivery_.wants_wait());
    delivery_.look();
    EXPECT_EQ(delivery_.next_take(), 0);
    delivery_.finished({1, 1}, 1ms);
    EXPECT_EQ(delivery_.next_take(), 0) << "not before it is settled";
    delivery_.settled({1, 1});
    EXPECT_GT(delivery_.next_take(), 0) << "there may be more of them";
}

TEST_F(DeliveryTest, LosingTheLoneEventFreesTheWorker) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 1), false, true);
    delivery_.next_renewal(at(3s));
    delivery_.renewed(at(3s), leases(1, 1), {false});
    EXPECT_GT(delivery_.next_take(), 0);
}

TEST_F(DeliveryTest, LetsItsEventsRunOutForOneThatWaitsToBeAlone) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 1), true, false, true);
    EXPECT_EQ(delivery_.next_take(), 3) << "an idle worker may have it";
    delivery_.taken(at(8s), leases(2, 1), true, false, true);
    EXPECT_EQ(delivery_.next_take(), 2);
    delivery_.taken(at(9s), leases(3, 1), true, false, true);
    EXPECT_EQ(delivery_.next_take(), 0) << "a lease's time is enough";
    EXPECT_FALSE(delivery_.wants_wait());
    for (EventId id = 1; id <= 3; ++id) {
        delivery_.finished({id, 1}, 1ms);
        EXPECT_EQ(delivery_.next_take(), 0);
        delivery_.settled({id, 1});
    }
    EXPECT_GT(delivery_.next_take(), 0);
    delivery_.taken(at(10s), leases(4, 1, 2), true, true, false);
    delivery_.settled({4, 2});
    EXPECT_GT(delivery_.next_take(), 0);
    delivery_.taken(at(11s), leases(5, 1, 3), true);
    EXPECT_GT(delivery_.next_take(), 0) << "nothing waits any more";
}

TEST_F(DeliveryTest, HandlersThatOutlastTheDrainAreWorkedBeside) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 1), true, false, true);  // 1 runs on and on
    delivery_.next_take();
    delivery_.taken(at(9s), {}, true, false, true);
    delivery_.tick(at(17s));
    EXPECT_EQ(delivery_.next_take(), 0) << "it drains, for a lease's time";
    delivery_.tick(at(18s));
    EXPECT_EQ(delivery_.next_take(), 3);
    delivery_.taken(at(18s), {}, true, false, true);
    EXPECT_EQ(delivery_.next_take(), 3) << "for four times as long";
    delivery_.taken(at(54s), {}, true, false, true);
    EXPECT_EQ(delivery_.next_take(), 0);
    delivery_.tick(at(71s));
    EXPECT_EQ(delivery_.next_take(), 0) << "and now for twice the time";
    delivery_.tick(at(72s));
    EXPECT_EQ(delivery_.next_take(), 3);
    delivery_.taken(at(72s), {}, true, false, false);
    EXPECT_EQ(delivery_.next_take(), 3);
    delivery_.taken(at(73s), {}, true, false, true);
    EXPECT_EQ(delivery_.next_take(), 3) << "another one: all over again";
    delivery_.taken(at(82s), {}, true, false, true);
    EXPECT_EQ(delivery_.next_take(), 0);
}

TEST_F(DeliveryTest, ThreadsThatOthersUseAreNoRoom) {
    delivery_.start();
    delivery_.busy_elsewhere(3);
    EXPECT_EQ(delivery_.next_take(), 1);
    delivery_.taken(at(0s), leases(1, 1), true);
    delivery_.finished({1, 1}, 10us);
    EXPECT_GT(delivery_.window(), 100) << "quick ones are taken ahead for the one thread";
    delivery_.busy_elsewhere(4);
    EXPECT_EQ(delivery_.next_take(), 0);
    EXPECT_FALSE(delivery_.wants_wait());
    delivery_.busy_elsewhere(0);
    EXPECT_GT(delivery_.next_take(), 0);
}

TEST_F(DeliveryTest, AsksForAThreadThatOthersUseWhenItWouldTakeForIt) {
    delivery_.start();
    delivery_.busy_elsewhere(2);
    EXPECT_EQ(delivery_.next_take(), 2);
    EXPECT_FALSE(delivery_.wants_thread()) << "not while a take is on its way";
    delivery_.taken(at(0s), leases(1, 1), true);
    EXPECT_FALSE(delivery_.wants_thread()) << "it has one";
    EXPECT_EQ(delivery_.next_take(), 1);
    delivery_.taken(at(0s), leases(2, 1), true);
    EXPECT_TRUE(delivery_.wants_thread());
    delivery_.busy_elsewhere(0);
    EXPECT_FALSE(delivery_.wants_thread()) << "others use none";
    EXPECT_EQ(delivery_.next_take(), 2);
    delivery_.busy_elsewhere(2);
    delivery_.taken(at(0s), {}, false);
    EXPECT_FALSE(delivery_.wants_thread()) << "nothing is there to be taken";
    delivery_.busy_elsewhere(4);
    EXPECT_TRUE(delivery_.wants_thread()) << "without a thread it does not wait for what comes";
    delivery_.stop();
    EXPECT_FALSE(delivery_.wants_thread());
}

TEST_F(DeliveryTest, AThreadThatAHandlerDoesNotGiveBackIsNoRoom) {
    delivery_.start();
    for (int i = 0; i < 4; ++i) {
        delivery_.lingering();
    }
    EXPECT_EQ(delivery_.next_take(), 0);
    EXPECT_FALSE(delivery_.wants_wait());
    delivery_.lingering_ended();
    EXPECT_EQ(delivery_.next_take(), 1);
}

TEST_F(DeliveryTest, TakesNothingAheadWhileAHandlerIsSlow) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), leases(1, 2), true);
    delivery_.finished({1, 1}, 10us);
    EXPECT_GT(delivery_.window(), 100);
    delivery_.still_running(2s);
    EXPECT_EQ(delivery_.window(), 4);
}

TEST_F(DeliveryTest, LooksWhenADelayedEventIsDue) {
    delivery_.start();
    delivery_.next_take();
    delivery_.taken(at(0s), {}, false);
    EXPECT_FALSE(delivery_.next_due());
    delivery_.due_at(at(2s));
    delivery_.due_at(at(1s));
    EXPECT_EQ(delivery_.next_due(), at(1s));
    EXPECT_FALSE(delivery_.come_due(at(999ms)));
    EXPECT_EQ(delivery_.next_take(), 0);
    EXPECT_TRUE(delivery_.come_due(at(1s)));
    EXPECT_EQ(delivery_.next_due(), at(2s));
    EXPECT_GT(delivery_.next_take(), 0);
}

TEST_F(DeliveryTest, RemembersABoundedNumberOfDueTimes) {
    for (int i = 5000; i > 0; --i) {
        delivery_.due_at(at(std::chrono::seconds(i)));
    }
    EXPECT_EQ(delivery_.next_due(), at(1s)) << "the earliest";
    EXPECT_TRUE(delivery_.come_due(at(2000s)));
    EXPECT_FALSE(delivery_.next_due());
}

}  // namespace
}  // namespace eventy::detail
