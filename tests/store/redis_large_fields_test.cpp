// Fields of events that somebody made far too large are not read (history A7).
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "store/redis_fixture.hpp"

namespace eventy::test {
namespace {

/// HSET of one field of so many bytes, without having them here.
void set_large_field(int port, const std::string& key, const std::string& field, std::size_t bytes) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const auto send = [socket](std::string_view text) {
        while (!text.empty()) {
            const auto sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
            ASSERT_GT(sent, 0);
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
    };
    const auto length = [](std::size_t size) { return "$" + std::to_string(size) + "\r\n"; };
    send("*4\r\n$4\r\nHSET\r\n" + length(key.size()) + key + "\r\n" + length(field.size()) + field + "\r\n" +
         length(bytes));
    const std::string some(1'000'000, 'x');
    for (std::size_t left = bytes; left > 0; left -= std::min(left, some.size())) {
        send(std::string_view(some).substr(0, std::min(left, some.size())));
    }
    send("\r\n");
    char reply[16] = {};
    EXPECT_GT(::recv(socket, reply, sizeof reply, 0), 0);
    EXPECT_EQ(reply[0], ':') << reply;
    ::close(socket);
}

class RedisLargeFields : public RedisStoreTest {
protected:
    static constexpr std::int64_t large = 20'000'000;  // over any limit

    void make_large(EventId id, const std::string& field) {
        set_large_field(server().port(), event_key(id), field, large);
    }
    /// What the scripts have, or had a moment ago, in their hands.
    std::int64_t lua_bytes() {
        const std::string all = redis({"INFO", "memory"}).text;
        const std::size_t at = all.find("used_memory_lua:");
        return at == std::string::npos ? -1 : std::stoll(all.substr(all.find(':', at) + 1));
    }
    void expect_nothing_large_was_read() { EXPECT_LT(lua_bytes(), 10'000'000); }
};

TEST_F(RedisLargeFields, AHugePayloadIsErrorWithoutBeingRead) {
    const auto session = open();
    publish(*session, 5);
    constexpr std::int64_t huge = 600'000'000;
    redis({"CONFIG", "SET", "proto-max-bulk-len", "1gb"});
    set_large_field(server().port(), event_key(2), "payload", huge);
    for (const EventId id : {3, 5}) {
        redis({"HSET", event_key(id), "payload", std::string(20'000'000, 'x')});
    }
    EXPECT_EQ(session->discard({5}), std::vector{detail::ByHand::done});
    const std::string reason = "its payload has 600000000 bytes, more than the max_payload_bytes of 16777216";
    const TakeReply taken = session->take(10);
    EXPECT_LT(lua_bytes(), 10'000'000) << "the script had it in its hands";
    ASSERT_EQ(taken.refused.size(), 2u) << "and what was discarded is passed over";
    EXPECT_EQ(taken.refused[0].id, 2);
    EXPECT_EQ(taken.refused[0].reason, reason);
    EXPECT_EQ(taken.refused[1].reason, "its payload has 20000000 bytes, more than the max_payload_bytes of 16777216");
    EXPECT_EQ(ids_of(taken.events), (std::vector<EventId>{1, 4})) << "and the group goes on";

    EXPECT_EQ(session->get_one(2)->unreadable, reason);
    EXPECT_EQ(session->discard({2}), std::vector{detail::ByHand::unchanged});
    EXPECT_EQ(session->retry({2}), std::vector{detail::ByHand::done});
    EXPECT_EQ(session->discard({2}), std::vector{detail::ByHand::done});
    EXPECT_EQ(ids_of(session->take(10, long_lease, "another").events), (std::vector<EventId>{1, 4}));
    EXPECT_LT(lua_bytes(), 10'000'000);
}

TEST_F(RedisLargeFields, AnyOtherOfThemIsErrorWithoutBeingRead) {
    const auto session = open();
    publish(*session, 6);
    make_large(1, "headers");
    make_large(2, "key");
    make_large(3, "worker_id");
    make_large(4, "created_at");
    make_large(5, "error");
    const TakeReply taken = session->take(10);
    expect_nothing_large_was_read();
    EXPECT_EQ(ids_of(taken.events), std::vector<EventId>{6}) << "the group goes on";
    ASSERT_EQ(taken.refused.size(), 5u);
    for (const auto& [id, reason] : taken.refused) {
        EXPECT_TRUE(reason.starts_with("its fields have 200000") && reason.ends_with(" bytes")) << id << ": " << reason;
        const auto event = session->get_one(id);
        ASSERT_TRUE(event) << id;
        EXPECT_EQ(event->status, EventStatus::error) << id;
        // The reason is in `error` now, in the place of the large one there.
        EXPECT_EQ(event->unreadable.starts_with("its fields have 200000"), id != 5) << id << ": " << event->unreadable;
        EXPECT_EQ(event->worker_id, id == 3 ? "" : session->worker_id()) << id;
        EXPECT_NE(event->created_at, Timestamp()) << id;
    }
    EXPECT_EQ(session->search_all({.status = EventStatus::error}).size(), 5u);
    expect_nothing_large_was_read();
}

TEST_F(RedisLargeFields, WhatATakeDoesNotHandOutDoesNotHinderIt) {
    const auto session = open();
    publish(*session, 3);
    make_large(1, "handled");
    make_large(2, "failures");
    const TakeReply taken = session->take(10);
    EXPECT_EQ(ids_of(taken.events), (std::vector<EventId>{1, 2, 3}));
    EXPECT_TRUE(session->get_one(1)->unreadable.starts_with("its fields have 200000"));
    expect_nothing_large_was_read();
    EXPECT_TRUE(session->get_one(2)->unreadable.starts_with("its fields have 200000"));
    expect_nothing_large_was_read();
    EXPECT_TRUE(session->settle(1, taken.epoch));
    EXPECT_TRUE(session->settle(2, taken.epoch, Verdict::failed, "no"));
    expect_nothing_large_was_read();
    EXPECT_EQ(session->get_one(1)->processed_by, session->worker_id());
    EXPECT_EQ(session->get_one(2)->failures.size(), 1u) << "the list begins anew";
}

TEST_F(RedisLargeFields, DoNotStandInTheWayOfWhatIsMended) {
    const auto session = open();
    publish(*session, 4);
    session->settle_all(session->take(4));
    make_large(1, "created_at");
    make_large(2, "status");
    make_large(3, "handled");
    redis({"HSET", event_key(4), "status", "ERROR"});
    redis({"HDEL", event_key(4), "handled"});
    make_large(4, "failures");
    redis({"DEL", keys().index});
    EXPECT_EQ(session->count(), 4) << "the index is back";
    redis({"DEL", keys().groups, keys().index});
    const TakeReply again = session->take(10);  // looks who had processed them
    EXPECT_EQ(ids_of(again.events), (std::vector<EventId>{3, 4})) << "of these it cannot be seen";
    EXPECT_EQ(session->discard({1, 2, 3, 4}).size(), 4u);
    expect_nothing_large_was_read();
}

}  // namespace
}  // namespace eventy::test
