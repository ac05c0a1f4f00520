#include "base/log.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "support/wordless.hpp"

namespace eventy::detail {
namespace {

class Log : public testing::Test {
protected:
    Log() { testing::internal::CaptureStderr(); }
    ~Log() override { set_logger(nullptr); }

    static std::string on_stderr() { return testing::internal::GetCapturedStderr(); }
};

TEST_F(Log, WithoutALoggerWarningsAndErrorsGoToStderr) {
    log(LogLevel::debug, "one");
    log(LogLevel::info, "two");
    log(LogLevel::warning, "three");
    log(LogLevel::error, "four");
    EXPECT_EQ(on_stderr(), "eventy: warning: three\neventy: error: four\n");
}

TEST_F(Log, WhatALoggerTakesIsNotOnStderr) {
    std::string taken;
    set_logger([&](LogLevel, std::string_view line) { taken += line; });
    log(LogLevel::error, "one");
    EXPECT_EQ(on_stderr(), "");
    EXPECT_EQ(taken, "one");
}

TEST_F(Log, WhatAThrowingLoggerDidNotTakeGoesToStderrAndItsErrorIsSaidOnce) {
    set_logger([](LogLevel, std::string_view) { throw std::runtime_error("disk full"); });
    log(LogLevel::info, "one");
    log(LogLevel::warning, "two");
    log(LogLevel::error, "three");
    EXPECT_EQ(on_stderr(),
              "eventy: error: the logger threw: disk full\n"
              "eventy: warning: two\neventy: error: three\n");
}

TEST_F(Log, ALoggerMayThrowAnything) {
    set_logger([](LogLevel, std::string_view) { throw 42; });  // NOLINT: that a logger throws anything is the point
    log(LogLevel::error, "one");
    set_logger([](LogLevel, std::string_view) { throw eventy::test::Wordless(); });
    log(LogLevel::error, "two");
    EXPECT_EQ(on_stderr(),
              "eventy: error: the logger threw something that is no std::exception\neventy: error: one\n"
              "eventy: error: the logger threw: an exception whose what() is a null pointer\neventy: error: two\n");
}

}  // namespace
}  // namespace eventy::detail
