// Copies of calls that lay on an old connection until the call record was gone change nothing (history A10).
#include "store/numbered_scripts.hpp"
#include "support/old_connections.hpp"
#include "support/tcp_proxy.hpp"

namespace eventy::test {
namespace {

// -- the scripts -----------------------------------------------------------------------------------------------------
class RedisLateCopies : public NumberedScripts {
protected:
    /// Each call in turn, all of which would change something; expects that none is applied, and that each says the
    /// time.
    void expect_all_late() {
        const auto before = contents();
        const auto began = now_ms();
        const std::vector<RedisValue> replies = {publish_call(5, 5, {"x"}), take_call(5, 5, 1),
                                                 settle_call(5, 5, "1", epoch_), discard_call(5, 5, "2"),
                                                 retry_call(5, 5, "3")};
        const auto ended = now_ms();
        for (const RedisValue& reply : replies) {
            ASSERT_EQ(reply.items.size(), 5u);
            EXPECT_EQ(state(reply), "LATE");
            EXPECT_GE(std::stoll(reply.items[4].text), began);
            EXPECT_LE(std::stoll(reply.items[4].text), ended);
        }
        EXPECT_EQ(contents(), before);
    }

    /// 1 is leased, 2 waits, 3 is given up.
    void fill() {
        publish_call(1, 1, {"a", "b", "c"});
        epoch_ = std::to_string(take_call(2, 2, 1).items.at(4).integer);
        discard_call(3, 3, "3");
    }

private:
    std::string epoch_;
};

TEST_F(RedisLateCopies, ChangeNothingWhenTheRecordIsGone) {
    fill();
    redis({"DEL", record()});
    copies_live = -1;
    expect_all_late();
    copies_live = 35'000;
    EXPECT_EQ(state(publish_call(5, 5, {"x"})), "OK");
}

TEST_F(RedisLateCopies, AreNotLookedUpWhileTheRecordIsThere) {
    fill();
    copies_live = -1;
    EXPECT_EQ(state(discard_call(3, 3, "3")), "LATE");
    expect_all_late();
}

TEST_F(RedisLateCopies, OfAClockThatIsFarAheadWouldCountForTooLong) {
    fill();
    copies_live = 35'000 + 60'000;
    expect_all_late();
    copies_live = 35'000 + 25'000;
    EXPECT_EQ(state(publish_call(4, 4, {"x"})), "OK");
}

// -- the client ------------------------------------------------------------------------------------------------------
class RedisStalledLine : public RedisStoreTest {
protected:
    // Over when a client has given up the connection that is held; a fresh copy takes less by far.
    static constexpr redis::RedisStore::Limits limits{.copies_live = 500ms};

    /// Calls with the connection held back, so that the answer comes to a copy on a new one; then deletes the call
    /// records, as if they had expired meanwhile, and lets the first copy go. Returns when it has arrived.
    void with_a_late_copy(const std::function<void()>& call, const std::function<void()>& meanwhile = [] {}) {
        const OldConnections old(server());
        ASSERT_FALSE(old.none());
        line_.hold_present();
        call();
        meanwhile();
        for (const std::string& key : server().keys()) {
            if (key.starts_with(keys().call_record_start)) {
                redis({"DEL", key});
            }
        }
        line_.flow();
        ASSERT_TRUE(old.wait_for_their_end());
    }

    std::unique_ptr<Session> connect() {
        auto session = open_over(line_.port(), limits);
        session->stats();
        return session;
    }
    std::string counter() { return redis({"GET", keys().counter}).text; }

private:
    TcpProxy line_{server().port()};
};

TEST_F(RedisStalledLine, APublishIsNotAppliedAgain) {
    const auto session = connect();
    with_a_late_copy([&] { EXPECT_EQ(session->publish_one("once"), 1); });
    EXPECT_EQ(counter(), "1");
    EXPECT_EQ(session->publish_one("next"), 2);
}

TEST_F(RedisStalledLine, APublishThatWasGivenUpIsNotAppliedAnyMore) {
    const auto session = connect();
    session->publish_one("before");
    with_a_late_copy([&] {
        const auto soon = std::chrono::steady_clock::now() + 20ms;
        const auto late = session->call<PublishReply>([soon](Store& store, Callback<PublishReply> done) {
            store.publish({{{"given up"}}, long_ttl, "w"}, soon, std::move(done));
        });
        ASSERT_FALSE(late.ok());
        EXPECT_FALSE(late.failure().not_done);
        EXPECT_EQ(session->publish_one("after"), 2) << "its client id is retired by then";
    });
    EXPECT_EQ(counter(), "2");
}

TEST_F(RedisStalledLine, ATakeLeasesNothingMore) {
    const auto session = connect();
    publish(*session, 3);
    with_a_late_copy([&] { EXPECT_EQ(ids_of(session->take(1).events), std::vector<EventId>{1}); });
    EXPECT_EQ(redis({"ZCARD", group().leases}).integer, 1);
}

TEST_F(RedisStalledLine, AnOutcomeStaysAsItWasAnswered) {
    const auto session = connect();
    publish(*session, 1);
    const TakeReply taken = session->take(1);
    with_a_late_copy([&] { session->settle_all(taken, Verdict::handed_back); },
                     [&] { EXPECT_EQ(session->take(1).events.size(), 1u); });
    EXPECT_EQ(redis({"ZCARD", group().leases}).integer, 1);
}

TEST_F(RedisStalledLine, ADiscardDoesNotGiveUpWhatWasTakenUpAgain) {
    const auto session = connect();
    publish(*session, 1);
    with_a_late_copy([&] { session->discard({1}); }, [&] { session->retry({1}); });
    EXPECT_EQ(redis({"ZCARD", group().dead}).integer, 0);
}

TEST_F(RedisStalledLine, ARetryDoesNotTakeUpWhatWasGivenUpAgain) {
    const auto session = connect();
    publish(*session, 1);
    session->discard({1});
    with_a_late_copy([&] { session->retry({1}); }, [&] { session->discard({1}); });
    EXPECT_EQ(redis({"ZCARD", group().dead}).integer, 1);
}

}  // namespace
}  // namespace eventy::test
