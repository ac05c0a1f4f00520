// The command's parts, without a process.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "line_reader.hpp"
#include "output.hpp"
#include "time_words.hpp"

namespace eventy::cli {
namespace {

using namespace std::chrono_literals;

TEST(TimeWords, DurationsHaveUnits) {
    EXPECT_EQ(parse_duration("500ms"), 500ms);
    EXPECT_EQ(parse_duration("10s"), 10s);
    EXPECT_EQ(parse_duration("15m"), 15min);
    EXPECT_EQ(parse_duration("2h"), 2h);
    EXPECT_EQ(parse_duration("1d"), 24h);
    EXPECT_EQ(parse_duration("1h30m"), 90min);
    EXPECT_EQ(parse_duration("0s"), 0s);
    for (const char* wrong :
         {"", "5", "s", "-5s", "5 s", "5S", "1.5h", "5s ", "5sm", "99999999999999999999s", "9999999d"}) {
        EXPECT_EQ(parse_duration(wrong), std::nullopt) << wrong;
    }
}

TEST(TimeWords, TimesAreIsoOrRelative) {
    const auto now = *parse_timestamp("2018-02-07T12:00:00Z");
    EXPECT_EQ(parse_time("now", now), now);
    EXPECT_EQ(parse_time("-15m", now), parse_timestamp("2018-02-07T11:45:00Z"));
    EXPECT_EQ(parse_time("+1d", now), parse_timestamp("2018-02-08T12:00:00Z"));
    EXPECT_EQ(parse_time("2018-02-07", now), parse_timestamp("2018-02-07T00:00:00Z"));
    EXPECT_EQ(parse_time("2018-02-07T12:00:00+02:00", now), parse_timestamp("2018-02-07T10:00:00Z"));
    for (const char* wrong : {"", "-", "15m", "-15", "2018-02-30", "yesterday", "- 1m"}) {
        EXPECT_EQ(parse_time(wrong, now), std::nullopt) << wrong;
    }
}

TEST(TimeWords, SaysDurationsShortly) {
    EXPECT_EQ(to_words(0ms), "0ms");
    EXPECT_EQ(to_words(999ms), "999ms");
    EXPECT_EQ(to_words(3250ms), "3.2s");
    EXPECT_EQ(to_words(60s), "1m");
    EXPECT_EQ(to_words(125s), "2m 5s");
    EXPECT_EQ(to_words(3h + 20min), "3h 20m");
    EXPECT_EQ(to_words(75h), "3d 3h");
    EXPECT_EQ(to_words(-1s), "-1.0s");
}

class Lines : public testing::Test {
protected:
    Lines() { EXPECT_EQ(pipe(ends_.data()), 0); }
    ~Lines() override {
        close(ends_[0]);
        close_input();
    }
    void put(std::string_view text) const {
        EXPECT_EQ(write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    void close_input() {
        if (ends_[1] >= 0) {
            close(ends_[1]);
            ends_[1] = -1;
        }
    }
    /// All lines, with their numbers; "!" for one that is too long.
    std::string rest(LineReader& reader) const {
        std::string all;
        LineReader::Line line;
        while (reader.next(line) == LineReader::Outcome::line) {
            all += std::to_string(line.number) + ":" + (line.too_long ? "!" : std::string(line.text)) + "|";
        }
        return all;
    }
    std::array<int, 2> ends_{};
};

TEST_F(Lines, OfAnyEnd) {
    put("a\r\n\nb\nlast");
    close_input();
    LineReader reader(ends_[0], 100);
    EXPECT_EQ(rest(reader), "1:a|2:|3:b|4:last|");
    EXPECT_EQ(reader.bytes(), 10);
}

TEST_F(Lines, ALastLineEndNeedsNoLineBehindIt) {
    put("a\nb\n");
    close_input();
    LineReader reader(ends_[0], 100);
    EXPECT_EQ(rest(reader), "1:a|2:b|");
}

TEST_F(Lines, TooLongOnesAreSkippedWhole) {
    put("aa\n" + std::string(50'000, 'x') + "\nbb\n" + std::string(11, 'y') + "\n" + std::string(10, 'z') + "\n" +
        std::string(11, 'w'));
    close_input();
    LineReader reader(ends_[0], 10);
    EXPECT_EQ(rest(reader), "1:aa|2:!|3:bb|4:!|5:zzzzzzzzzz|6:!|");
}

TEST_F(Lines, KnowsWhetherItWouldHaveToWait) {
    LineReader reader(ends_[0], 100);
    LineReader::Line line;
    EXPECT_FALSE(reader.ready());
    put("half");
    EXPECT_FALSE(reader.ready());
    put(" and half\nmore");
    EXPECT_TRUE(reader.ready());
    EXPECT_EQ(reader.next(line), LineReader::Outcome::line);
    EXPECT_EQ(line.text, "half and half");
    EXPECT_FALSE(reader.ready());
    close_input();
    EXPECT_TRUE(reader.ready());
    EXPECT_EQ(reader.next(line), LineReader::Outcome::line);
    EXPECT_EQ(line.text, "more");
    EXPECT_EQ(reader.next(line), LineReader::Outcome::end);
    EXPECT_EQ(reader.next(line), LineReader::Outcome::end);
}

TEST_F(Lines, StopsWhenTold) {
    std::array<int, 2> stop{};
    ASSERT_EQ(pipe(stop.data()), 0);
    LineReader reader(ends_[0], 100, stop[0]);
    LineReader::Line line;
    put("a\nb");
    EXPECT_EQ(reader.next(line), LineReader::Outcome::line);
    EXPECT_EQ(write(stop[1], "x", 1), 1);
    EXPECT_EQ(reader.next(line), LineReader::Outcome::stopped);
    close(stop[0]);
    close(stop[1]);
}

TEST(Output, ControlCharactersDoNotReachTheTerminal) {
    EXPECT_EQ(printable("a\x1b[31mb\x7f\n\t"), "a\\x1b[31mb\\x7f\\n\\t");
    EXPECT_EQ(printable("\xC3\xA9\xC2\x9B"
                        "31m\xC2\xA0"),
              "\xC3\xA9?31m\xC2\xA0");
    EXPECT_EQ(printable("\xC3\xA9\xC3\xA9\xC3\xA9", 2), "\xC3\xA9\xC3\xA9…");
}

TEST(Output, TablesAlignByCharactersNotBytes) {
    Table table({{"NAME"}, {"N", true}});
    table.add({"\xC3\xA9", "1"});
    table.add({"long one", "1,000"});
    EXPECT_EQ(table.str(), "NAME          N\n\xC3\xA9             1\nlong one  1,000\n");
}

TEST(Output, NumbersInGroups) {
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(999), "999");
    EXPECT_EQ(grouped(1000), "1,000");
    EXPECT_EQ(grouped(1234567), "1,234,567");
    EXPECT_EQ(grouped(-1234), "-1,234");
}

TEST(Output, JsonTextIsAlwaysJson) {
    EXPECT_EQ(json_string("a\"\\\n\xFF"), "\"a\\\"\\\\\\n\xEF\xBF\xBD\"");
    EXPECT_EQ(JsonObject().text("a", "b").number("n", 1).str(), R"({"a": "b", "n": 1})");
}

}  // namespace
}  // namespace eventy::cli
