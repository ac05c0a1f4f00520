#include <gtest/gtest.h>

#include <eventy/timestamp.hpp>
#include <limits>
#include <random>
#include <sstream>

namespace eventy {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;

Timestamp from_us(std::int64_t us) { return Timestamp::time_point(std::chrono::microseconds(us)); }

std::int64_t to_us(Timestamp t) { return Timestamp::time_point(t).time_since_epoch().count(); }

TEST(Timestamp, WritesWhatPythonWrites) {
    EXPECT_EQ(to_string(Timestamp()), "1970-01-01T00:00:00.000000+00:00");
    EXPECT_EQ(to_string(from_us(1'517'966'801'030'000)), "2018-02-07T01:26:41.030000+00:00");
    EXPECT_EQ(to_string(from_us(-1)), "1969-12-31T23:59:59.999999+00:00");
    EXPECT_EQ(to_string(Timestamp(sys_days(std::chrono::year(2000) / 2 / 29) + 1us)),
              "2000-02-29T00:00:00.000001+00:00");
}

TEST(Timestamp, ReadsAllUsualSpellings) {
    const Timestamp expected = from_us(1'517'966'801'030'000);
    for (const auto* text : {"2018-02-07T01:26:41.030000+00:00", "2018-02-07T01:26:41.03Z", "2018-02-07 01:26:41.03",
                             "2018-02-07T01:26:41.030", "2018-02-07T03:26:41.030+02:00",
                             "2018-02-06T19:56:41.030-05:30", "2018-02-07T01:26:41.030000999Z"}) {
        EXPECT_EQ(parse_timestamp(text), expected) << text;
    }
    EXPECT_EQ(parse_timestamp("2018-02-07T01:26:41+00:00"), from_us(1'517'966'801'000'000))
        << "Python leaves out .000000";
}

TEST(Timestamp, FloorsBeforeTheEpochToo) {
    EXPECT_EQ(parse_timestamp("1969-12-31T23:59:59.9999999Z"), from_us(-1));
    EXPECT_EQ(Timestamp(std::chrono::sys_time<std::chrono::nanoseconds>(-1ns)), from_us(-1));
}

TEST(Timestamp, RefusesEverythingElse) {
    for (const auto* text : {"",
                             "now",
                             "2018",
                             "2018-02-07",
                             "2018-02-07T",
                             "2018-02-07T01:26",
                             "2018-02-07T01:26:41.",
                             "2018-02-07T01:26:41.Z",
                             "2018-02-07t01:26:41Z",
                             "2018-02-07T01:26:41z",
                             "2018-02-07T01:26:41ZZ",
                             "2018-02-07T01:26:41Z ",
                             " 2018-02-07T01:26:41Z",
                             "2018-02-07T01:26:41+0200",
                             "2018-02-07T01:26:41+02",
                             "2018-02-07T01:26:41+24:00",
                             "2018-02-07T01:26:41+02:60",
                             "2018-02-07T24:00:00Z",
                             "2018-02-07T01:60:00Z",
                             "2018-02-07T01:26:60Z",
                             "2018-02-07T01:26:41.0123456789Z",
                             "2018-13-01T00:00:00Z",
                             "2018-00-01T00:00:00Z",
                             "2018-02-29T00:00:00Z",
                             "1900-02-29T00:00:00Z",
                             "2018-04-31T00:00:00Z",
                             "2018-01-00T00:00:00Z",
                             "18-01-01T00:00:00Z",
                             "2018-1-1T00:00:00Z",
                             "12018-01-01T00:00:00Z",
                             "-2018-01-01T00:00:00Z",
                             "+999999-01-01T00:00:00Z",
                             "-999999-01-01T00:00:00Z",
                             "-000000-01-01T00:00:00Z",
                             "2018-02-07T01:26:41,5Z",
                             "2018/02/07T01:26:41Z",
                             "2018-02-07T+1:26:41Z"}) {
        EXPECT_EQ(parse_timestamp(text), std::nullopt) << text;
    }
    EXPECT_EQ(parse_timestamp(std::string_view("2018-02-07T01:26:41Z\0", 21)), std::nullopt);
}

TEST(Timestamp, ReadsWhatItWrites) {
    std::mt19937_64 random(7);
    std::uniform_int_distribution<std::int64_t> any_us(std::numeric_limits<std::int64_t>::min());
    using Limits = std::numeric_limits<std::int64_t>;
    for (const auto us : {Limits::min(), Limits::max(), Limits::min() + 1, std::int64_t{0}, std::int64_t{-1},
                          std::int64_t{-62'167'219'200'000'001}, std::int64_t{253'402'300'800'000'000}}) {
        EXPECT_EQ(parse_timestamp(to_string(from_us(us))), from_us(us)) << us << " " << to_string(from_us(us));
    }
    for (int i = 0; i < 20'000; ++i) {
        const Timestamp t = from_us(any_us(random) >> (i % 24));
        ASSERT_EQ(parse_timestamp(to_string(t)), t) << to_us(t) << " " << to_string(t);
    }
}

TEST(Timestamp, AgreesWithTheStandardCalendar) {
    for (int day = -200'000; day < 200'000; day += 7) {
        const sys_days date{std::chrono::days(day)};
        const std::chrono::year_month_day civil(date);
        char expected[16];
        std::snprintf(expected, sizeof expected, "%04d-%02u-%02uT", static_cast<int>(civil.year()),
                      static_cast<unsigned>(civil.month()), static_cast<unsigned>(civil.day()));
        ASSERT_EQ(to_string(Timestamp(date)).substr(0, 11), expected);
    }
}

TEST(Timestamp, CountsAndCompares) {
    const Timestamp a = from_us(10);
    EXPECT_EQ(to_us(a + 5us), 15);
    EXPECT_EQ(to_us(a - 5us), 5);
    EXPECT_EQ((a + 5us) - a, 5us);
    EXPECT_LT(a, a + 1us);
    EXPECT_EQ(std::chrono::sys_time<std::chrono::nanoseconds>(a).time_since_epoch(), 10us);
    const auto before = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    EXPECT_LE(Timestamp(before), now());
}

TEST(Timestamp, GoesToStreams) {
    std::ostringstream out;
    out << Timestamp();
    EXPECT_EQ(out.str(), "1970-01-01T00:00:00.000000+00:00");
}

}  // namespace
}  // namespace eventy
