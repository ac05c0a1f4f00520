#include <gtest/gtest.h>

#include "serialization/payloads.hpp"

namespace eventy {
namespace {

using shop::Lenient;
using shop::Order;
using shop::Parcel;

/// nlohmann/json cannot know it.
struct Opaque {
    int value;
};

class OpaqueSerializer final : public Serializer<Opaque> {
public:
    std::string serialize(const Opaque& opaque) const override { return std::to_string(opaque.value); }
    Opaque deserialize(std::string_view bytes) const override { return {std::stoi(std::string(bytes))}; }
};

template <class T>
struct Options {
    int other = 0;
    SerializerPtr<T> serializer = {};
};

TEST(Json, IsTheDefault) {
    const SerializerPtr<Order> serializer;
    EXPECT_TRUE(serializer.get()->is_json());
    const Order order{"ORD-123", 99.99, *parse_timestamp("2018-02-07T01:26:41.030Z"), {{"tea", 4.5}}};
    const std::string text = serializer.get()->serialize(order);
    EXPECT_EQ(text, R"({"amount":99.99,"items":[{"name":"tea","price":4.5}],"order_id":"ORD-123",)"
                    R"("timestamp":"2018-02-07T01:26:41.030000+00:00"})");
    EXPECT_EQ(serializer.get()->deserialize(text), order);
}

TEST(Json, IsNotNeededWhereAnotherSerializerIsGiven) {
    const Options<Opaque> options{.other = 1, .serializer = std::make_shared<OpaqueSerializer>()};
    EXPECT_FALSE(options.serializer.get()->is_json());
    EXPECT_EQ(options.serializer.get()->deserialize("17").value, 17);
}

TEST(Json, KeepsTextAsItIs) {
    using namespace std::string_literals;
    const auto& serializer = in_format<std::string>(Format::json);
    const std::string text = "tab\t quote\" slash\\ null\0 \xC3\xA4 \xF0\x9F\x8D\xB5 \x7F"s;
    EXPECT_EQ(serializer.deserialize(serializer.serialize(text)), text);
    EXPECT_EQ(serializer.deserialize(R"("\u00e4\ud83c\udf75")"), "\xC3\xA4\xF0\x9F\x8D\xB5");
}

TEST(Json, KeepsNumbersAsTheyAre) {
    const auto& numbers = in_format<std::vector<double>>(Format::json);
    const std::vector<double> doubles{0.1, -0.0, 1e300, 5e-324, 1.0 / 3};
    EXPECT_EQ(numbers.deserialize(numbers.serialize(doubles)), doubles);
    const auto& integers = in_format<std::vector<std::int64_t>>(Format::json);
    const std::vector<std::int64_t> ends{INT64_MIN, INT64_MAX, 0};
    EXPECT_EQ(integers.deserialize(integers.serialize(ends)), ends);
}

TEST(Json, NeedsNoDefaultConstructorAndNoCopy) {
    for (const Format format : {Format::json, Format::msgpack, Format::cbor}) {
        const auto& serializer = in_format<Parcel>(format);
        const Parcel parcel = serializer.deserialize(serializer.serialize(Parcel("Lima", 250)));
        EXPECT_EQ(parcel.to(), "Lima");
        EXPECT_EQ(parcel.grams(), 250);
    }
}

TEST(Json, CarriesAnyJson) {
    const auto& serializer = in_format<nlohmann::json>(Format::json);
    const std::string text = R"({"a":[1,2.5,null,true,{"b":[]}],"c":{}})";
    EXPECT_EQ(serializer.serialize(serializer.deserialize(text)), text);
    EXPECT_EQ(serializer.serialize(serializer.deserialize(" [ 1 , 2 ] \n")), "[1,2]");
}

TEST(Json, TakesTheLastOfTwoEqualKeys) {
    EXPECT_EQ(in_format<nlohmann::json>(Format::json).deserialize(R"({"a":1,"a":2})").at("a"), 2);
}

TEST(Json, LetsMissingFieldsKeepTheirDefaults) {
    const auto& serializer = in_format<Lenient>(Format::json);
    const Lenient empty = serializer.deserialize("{}");
    EXPECT_EQ(empty.id, "none");
    EXPECT_EQ(empty.count, 7);
    EXPECT_EQ(empty.limit, 3);
    const Lenient later = serializer.deserialize(R"({"id":"x","from_the_future":[1],"limit":null})");
    EXPECT_EQ(later.id, "x");
    EXPECT_EQ(later.limit, std::nullopt);
}

TEST(Json, ReadsItselfInAllLevelsOfNestingThatItAllows) {
    nlohmann::json nested = nullptr;
    for (int level = 0; level < 512; ++level) {
        nested = level % 2 == 0 ? nlohmann::json::array({std::move(nested)}) : nlohmann::json{{"a", std::move(nested)}};
    }
    for (const Format format : {Format::json, Format::msgpack, Format::cbor}) {
        const auto& serializer = in_format<nlohmann::json>(format);
        EXPECT_EQ(serializer.deserialize(serializer.serialize(nested)), nested);
    }
}

TEST(RawSerializer, PassesBytesThrough) {
    const RawSerializer raw;
    const std::string bytes("\0\xFF{", 3);
    EXPECT_EQ(raw.deserialize(raw.serialize(bytes)), bytes);
    EXPECT_FALSE(raw.is_json());
}

}  // namespace
}  // namespace eventy
