#include "serialization/excerpt.hpp"

#include "base/utf8.hpp"

#include <gtest/gtest.h>

namespace eventy::detail {
namespace {

TEST(Excerpt, IsOneShortCleanLine) {
    EXPECT_EQ(excerpt(""), "''");
    EXPECT_EQ(excerpt("plain"), "'plain'");
    EXPECT_EQ(excerpt("a\nb\x1B[31m\x7F"), "'a?b?[31m?'");
    EXPECT_EQ(excerpt("\xC3\xA4\xFF\xC3"),
              "'\xC3\xA4?"
              "?'");
    EXPECT_EQ(excerpt(std::string(60, 'x')), "'" + std::string(60, 'x') + "'");
    EXPECT_EQ(excerpt(std::string(61, 'x')), "'" + std::string(60, 'x') + "...'");
    EXPECT_EQ(excerpt(std::string(59, 'x') + "\xC3\xA4"), "'" + std::string(59, 'x') + "...'") << "no half character";
}

TEST(Utf8, KnowsTheWellFormedSequences) {
    EXPECT_EQ(utf8_length("a"), 1U);
    EXPECT_EQ(utf8_length("\xC2\x80"), 2U);
    EXPECT_EQ(utf8_length("\xE0\xA0\x80"), 3U);
    EXPECT_EQ(utf8_length("\xF4\x8F\xBF\xBF"), 4U);
    for (const auto* bad : {"", "\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                            "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xC3", "\xE2\x82", "\xC3(", "\xFF"}) {
        EXPECT_EQ(utf8_length(bad), 0U);
    }
}

}  // namespace
}  // namespace eventy::detail
