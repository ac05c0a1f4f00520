#include "ledger/redis_under_test.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "ledger/append_only_file.hpp"

namespace eventy::ledger {

namespace {

TEST(LedgerRedisUnderTest, WhatIsKeptOfItTellsTheSameAgain) {
    std::string name = (std::filesystem::temp_directory_path() / "eventy-ledger-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    const std::filesystem::path folder = name;
    const std::string kept = folder / "r1.aof";
    Histories histories;
    {
        RedisUnderTest redis(false);
        redis.server().must({"HSET", "ledger:events:Entry:7", "status", "PROCESSED", "handled", "1 2 default a 1"});
        redis.kill9();
        redis.start();
        redis.server().must({"SET", "ledger:counter:Entry", "7"});
        redis.keep_file(kept);
        histories = read_histories(redis.file());
        redis.server().must({"SET", "ledger:counter:Entry", "8"});
    }
    {
        RedisUnderTest again(false);
        again.server().must({"SET", "ledger:counter:Chore", "1"});
        again.load_file(kept);
        EXPECT_EQ(again.server().must({"GET", "ledger:counter:Entry"}).text, "7");
        EXPECT_TRUE(again.server().must({"GET", "ledger:counter:Chore"}).is_nil());
        EXPECT_EQ(again.server().must({"HGET", "ledger:events:Entry:7", "status"}).text, "PROCESSED");
        EXPECT_EQ(histories.size(), 1U);
        EXPECT_EQ(read_histories(again.file()), histories);
    }
    std::filesystem::remove_all(folder);
}

}  // namespace

}  // namespace eventy::ledger
