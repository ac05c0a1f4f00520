#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "serialization/payloads.hpp"

namespace eventy {
namespace {

using shop::Item;
using shop::Order;

class BinaryFormat : public testing::TestWithParam<Format> {};
std::string name_of(Format format) { return format == Format::msgpack ? "MessagePack" : "CBOR"; }

INSTANTIATE_TEST_SUITE_P(Formats, BinaryFormat, testing::Values(Format::msgpack, Format::cbor),
                         [](const auto& format) { return name_of(format.param); });

Order an_order() { return {"ORD-1", 99.99, *parse_timestamp("2018-02-07T01:26:41Z"), {{"tea", 4.5}, {"", -1e300}}}; }

TEST_P(BinaryFormat, RoundTrips) {
    const auto& serializer = in_format<Order>(GetParam());
    EXPECT_EQ(serializer.deserialize(serializer.serialize(an_order())), an_order());
    EXPECT_FALSE(serializer.is_json());
    EXPECT_LT(serializer.serialize(an_order()).size(), in_format<Order>(Format::json).serialize(an_order()).size());
}

TEST_P(BinaryFormat, CarriesNaN) {
    const auto& serializer = in_format<Item>(GetParam());
    EXPECT_TRUE(std::isnan(serializer.deserialize(serializer.serialize({"x", std::nan("")})).price));
    const double infinity = std::numeric_limits<double>::infinity();
    EXPECT_EQ(serializer.deserialize(serializer.serialize({"x", -infinity})).price, -infinity);
}

TEST_P(BinaryFormat, SaysWhereTheBytesAreWrong) {
    const std::string bytes = in_format<Order>(GetParam()).serialize(an_order());
    const std::string start = "not " + name_of(GetParam()) + ": ";
    EXPECT_EQ(read_error<Order>("", GetParam()), start + "no bytes at all");
    EXPECT_EQ(read_error<Order>(bytes.substr(0, 3), GetParam()), start + "unexpected end of input at byte 4");
    EXPECT_EQ(read_error<Order>(bytes + 'x', GetParam()),
              start + "expected end of input; last byte: 0x78 at byte " + std::to_string(bytes.size() + 1));
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        EXPECT_TRUE(read_error<Order>(bytes.substr(0, length), GetParam()).starts_with(start)) << length;
    }
}

TEST_P(BinaryFormat, NamesTheField) {
    const std::string bytes = in_format<nlohmann::json>(GetParam())
                                  .serialize({{"order_id", "1"},
                                              {"amount", 1},
                                              {"timestamp", "2018-02-07T01:26:41Z"},
                                              {"items", {{{"name", "a"}, {"price", "1"}}}}});
    EXPECT_EQ(read_error<Order>(bytes, GetParam()), "field 'items[0].price': type must be number, but is string");
}

TEST_P(BinaryFormat, RefusesDeepNestingBeforeTheStackEnds) {
    const char one_element_array = GetParam() == Format::msgpack ? '\x91' : '\x81';
    EXPECT_EQ(read_error<nlohmann::json>(std::string(1'000'000, one_element_array), GetParam()),
              name_of(GetParam()) + " nested deeper than 512 levels");
}

TEST_P(BinaryFormat, BelievesNoLengths) {
    // An array, a map, a text and a byte string that claim four billion elements.
    const std::vector<std::string> claims = GetParam() == Format::msgpack
                                                ? std::vector<std::string>{"\xDD", "\xDF", "\xDB", "\xC6"}
                                                : std::vector<std::string>{"\x9A", "\xBA", "\x7A", "\x5A"};
    for (const auto& claim : claims) {
        EXPECT_NE(read_error<nlohmann::json>(claim + "\xFF\xFF\xFF\xFF", GetParam()), "no error");
    }
    if (GetParam() == Format::cbor) {
        EXPECT_NE(read_error<nlohmann::json>("\x9B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", GetParam()), "no error");
    }
}

TEST_P(BinaryFormat, SurvivesAnyBytes) {
    std::mt19937 random(11);
    std::uniform_int_distribution<int> byte(0, 255);
    const std::string good = in_format<Order>(GetParam()).serialize(an_order());
    for (int i = 0; i < 3'000; ++i) {
        std::string bytes = i % 2 == 0 ? good : std::string(static_cast<std::size_t>(i % 64), '\0');
        for (std::size_t changes = i % 2 == 0 ? 2 : bytes.size(); changes > 0; --changes) {
            bytes[random() % bytes.size()] = static_cast<char>(byte(random));
        }
        static_cast<void>(read_error<Order>(bytes, GetParam()));
    }
}

}  // namespace
}  // namespace eventy
