#include "support/redis_server.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

namespace eventy::test {
namespace {

TEST(RedisServer, AnswersAndForgetsOnACrash) {
    RedisServer server;
    EXPECT_EQ(server.must({"SET", "x", "1"}).text, "OK");
    EXPECT_EQ(server.must({"INCR", "x"}).integer, 2);
    EXPECT_TRUE(server.command({"LPUSH", "x", "1"}).is_error());
    const int port = server.port();
    server.kill9();
    EXPECT_FALSE(server.running());
    server.start();
    EXPECT_EQ(server.port(), port);
    EXPECT_TRUE(server.must({"GET", "x"}).is_nil());
}

TEST(RedisServer, KeepsItsDataWithTheAppendOnlyFile) {
    RedisServer server(RedisServer::Options{{}, true});
    server.must({"SET", "x", "1"});
    server.kill9();
    server.start();
    EXPECT_EQ(server.must({"GET", "x"}).text, "1");
    server.restart();
    EXPECT_EQ(server.must({"GET", "x"}).text, "1");
}

TEST(RedisServer, PausesAndResumes) {
    RedisServer server;
    server.pause();
    server.resume();
    EXPECT_EQ(server.must({"PING"}).text, "PONG");
    server.pause();
    server.stop();
    EXPECT_FALSE(server.running());
}

TEST(RedisServer, TakesExtraArgumentsAndLeavesNothing) {
    std::optional<RedisServer> server(std::in_place, std::vector<std::string>{"--maxmemory", "50mb"});
    EXPECT_EQ(server->must({"CONFIG", "GET", "maxmemory"}).field("maxmemory"), "52428800");
    const std::string folder = server->folder();
    EXPECT_TRUE(std::filesystem::exists(folder));
    server.reset();
    EXPECT_FALSE(std::filesystem::exists(folder));
}

}  // namespace
}  // namespace eventy::test
