#include "redis/client/handshake.hpp"

#include <gtest/gtest.h>

#include "redis_client/replies.hpp"

namespace eventy::redis {
namespace {

using State = Handshake::State;

ClientOptions with_login() {
    ClientOptions options;
    options.username = "alice";
    options.password = "secret";
    options.db = 3;
    return options;
}

/// What comes of these answers to AUTH, SELECT, SETNAME, ID, PING.
std::pair<State, std::string> outcome(const std::vector<Reply>& replies, const ClientOptions& options = with_login()) {
    Handshake handshake(options, {.id = true});
    for (const auto& reply : replies) {
        handshake.answered(reply);
    }
    EXPECT_EQ(handshake.reason().find("secret"), std::string::npos) << handshake.reason();
    return {handshake.state(), handshake.reason()};
}

TEST(Handshake, SaysNoMoreThanItHasTo) {
    const ClientOptions options;
    EXPECT_EQ(Handshake(options, {}).wire(),
              "*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$6\r\neventy\r\n*1\r\n$4\r\nPING\r\n");
}

TEST(Handshake, SaysAll) {
    auto options = with_login();
    options.client_name = "shop";
    EXPECT_EQ(Handshake(options, {.id = true, .time = true}).wire(),
              "*3\r\n$4\r\nAUTH\r\n$5\r\nalice\r\n$6\r\nsecret\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
              "*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$4\r\nshop\r\n*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n"
              "*1\r\n$4\r\nTIME\r\n*1\r\n$4\r\nPING\r\n");
    options.username.clear();
    EXPECT_TRUE(Handshake(options, {}).wire().starts_with("*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"));
}

TEST(Handshake, IsReadyAfterTheLastGoodAnswer) {
    const auto options = with_login();
    Handshake handshake(options, {.id = true});
    EXPECT_EQ(handshake.answered(status("OK")), State::more);
    EXPECT_EQ(handshake.answered(status("OK")), State::more);
    EXPECT_EQ(handshake.answered(status("OK")), State::more);
    EXPECT_EQ(handshake.answered(integer(77)), State::more);
    EXPECT_EQ(handshake.answered(status("PONG")), State::ready);
    EXPECT_EQ(handshake.connection_id(), 77);
}

/// What an answer to TIME tells.
std::optional<std::chrono::milliseconds> time_of(const Reply& reply) {
    const ClientOptions options;
    Handshake handshake(options, {.time = true});
    handshake.answered(status("OK"));
    handshake.answered(reply);
    EXPECT_EQ(handshake.answered(status("PONG")), State::ready);
    return handshake.server_time();
}

TEST(Handshake, HearsTheServersTime) {
    using std::chrono::milliseconds;
    EXPECT_EQ(time_of(array({text("1517966801"), text("030999")})), milliseconds(1'517'966'801'030));
    EXPECT_EQ(time_of(error("NOPERM this user has no permissions to run the 'time' command")), std::nullopt);
    EXPECT_EQ(time_of(status("OK")), std::nullopt);
    EXPECT_EQ(time_of(array({text("1517966801")})), std::nullopt);
    EXPECT_EQ(time_of(array({text("1517966801"), text("")})), std::nullopt);
    EXPECT_EQ(time_of(array({text("-1"), text("0")})), std::nullopt);
    EXPECT_EQ(time_of(array({text("99999999999999999999"), text("0")})), std::nullopt);
}

TEST(Handshake, DoesWithoutClientCommands) {
    const auto unknown = error("ERR unknown command 'CLIENT'");
    EXPECT_EQ(outcome({status("OK"), status("OK"), unknown, unknown, status("PONG")}).first, State::ready);
    const auto denied = error("NOPERM this user has no permissions to run the 'client' command");
    EXPECT_EQ(outcome({status("OK"), status("OK"), denied, denied, error("NOPERM 'ping'")}).first, State::ready);
}

TEST(Handshake, KnowsWhatWaitingWillMend) {
    for (const auto* const text :
         {"LOADING Redis is loading the dataset in memory", "MASTERDOWN Link with MASTER is down", "BUSY Redis is busy",
          "ERR max number of clients reached", "TRYAGAIN Multiple keys request", "CLUSTERDOWN The cluster is down",
          "NOREPLICAS Not enough good replicas to write."}) {
        EXPECT_EQ(outcome({error(text)}).first, State::not_yet) << text;
        EXPECT_EQ(outcome({status("OK"), status("OK"), status("OK"), integer(1), error(text)}).first, State::not_yet);
    }
}

TEST(Handshake, AServerThatCannotWriteToItsDiskCanBeRead) {
    const auto [state, reason] = outcome(
        {status("OK"), status("OK"), status("OK"), integer(1), error("MISCONF Errors writing to the AOF file")});
    EXPECT_EQ(state, State::ready) << reason;
}

TEST(Handshake, KnowsWhatWaitingWillNotMend) {
    const auto refused = [](const std::vector<Reply>& replies, std::string_view words) {
        const auto [state, reason] = outcome(replies);
        EXPECT_EQ(state, State::refused) << words;
        EXPECT_NE(reason.find(words), std::string::npos) << reason;
    };
    refused({error("WRONGPASS invalid username-password pair or user is disabled.")},
            "wrong password for user 'alice'");
    refused({error("ERR invalid password")}, "wrong password for user 'alice'");
    refused({error("ERR Client sent AUTH, but no password is set")}, "it has none");
    refused({error("ERR AUTH <password> called without any password configured for the default user.")}, "it has none");
    refused({error("ERR wrong number of arguments for 'auth' command")}, "too old for user names");
    refused({error("ERR unknown command 'AUTH', with args beginning with: 'alice' 'secret'")}, "no Redis");
    refused({error("SOMETHING secret")}, "login as user 'alice' failed (SOMETHING)");
    refused({status("OK"), error("ERR DB index is out of range")}, "database 3 does not exist");
    refused({status("OK"), error("ERR invalid DB index")}, "database 3 does not exist");
    refused({status("OK"), error("ERR SELECT is not allowed in cluster mode")}, "database 3 cannot be used");
    refused({error("NOAUTH Authentication required.")}, "requires a password");
    refused({error("DENIED Redis is running in protected mode")}, "protected mode");
    refused({status("OK ready")}, "no Redis");
    refused({array()}, "no Redis");
    refused({status("OK"), status("OK"), status("OK"), integer(1), status("hello")}, "no Redis");
    refused({status("OK"), status("OK"), error("ERR x"), error("ERR x"), error("ERR unknown")}, "no Redis");
}

TEST(Handshake, TheFirstTroubleCounts) {
    const auto [state, reason] = outcome({error("WRONGPASS no"), error("NOAUTH"), error("NOAUTH"), error("NOAUTH")});
    EXPECT_EQ(state, State::refused);
    EXPECT_EQ(reason, "wrong password for user 'alice'");
}

TEST(Handshake, GarbageIsNoRedis) {
    const auto options = with_login();
    Handshake handshake(options, {});
    EXPECT_EQ(handshake.garbage("expected a reply, got 'HTTP/1.1'"), State::refused);
    EXPECT_EQ(handshake.reason(), "this is no Redis: expected a reply, got 'HTTP/1.1'");
}

}  // namespace
}  // namespace eventy::redis
