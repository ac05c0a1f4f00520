#include <gtest/gtest.h>

#include "serialization/payloads.hpp"

namespace custom {

struct Degrees {
    int value = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Degrees, value)

/// A program's own form, found by argument-dependent lookup.
template <class J>
void to_json(J& j, const std::optional<Degrees>& degrees) {
    j = degrees ? "warm" : "unknown";
}
template <class J>
void from_json(const J& j, std::optional<Degrees>& degrees) {
    if (j == "warm") {
        degrees = Degrees{20};
    } else {
        degrees.reset();
    }
}

struct Metres {
    int value = 0;
};

}  // namespace custom

/// A program's own form for one optional.
template <>
struct nlohmann::adl_serializer<std::optional<custom::Metres>> {
    template <class J>
    static void to_json(J& j, const std::optional<custom::Metres>& metres) {
        j = metres ? metres->value : -1;
    }
    template <class J>
    static void from_json(const J& j, std::optional<custom::Metres>& metres) {
        metres = custom::Metres{j.template get<int>()};
    }
};

namespace custom {

/// And one for all instances of a template of the program.
template <class T>
struct Tagged {
    T value{};
};

}  // namespace custom

template <class T>
struct nlohmann::adl_serializer<std::optional<custom::Tagged<T>>> {
    template <class J>
    static void to_json(J& j, const std::optional<custom::Tagged<T>>& tagged) {
        j = J::array({"tagged", tagged ? tagged->value : T{}});
    }
    template <class J>
    static void from_json(const J& j, std::optional<custom::Tagged<T>>& tagged) {
        tagged = custom::Tagged<T>{j.at(1).template get<T>()};
    }
};

namespace eventy {
namespace {

using namespace std::chrono_literals;

template <class T>
std::string text_of(const T& value) {
    return in_format<T>(Format::json).serialize(value);
}
template <class T>
T value_of(std::string_view text) {
    return in_format<T>(Format::json).deserialize(text);
}

struct Reading {
    std::optional<double> depth;
    std::optional<std::string> alert;
    std::optional<std::vector<int>> felt;
    std::optional<Timestamp> at;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Reading, depth, alert, felt, at)

struct WithoutJsonForm {};

TEST(JsonOptional, IsNullOrTheValue) {
    EXPECT_EQ(text_of(Reading{1.5, "red", std::vector{1, 2}, Timestamp()}),
              R"({"alert":"red","at":"1970-01-01T00:00:00.000000+00:00","depth":1.5,"felt":[1,2]})");
    EXPECT_EQ(text_of(Reading{}), R"({"alert":null,"at":null,"depth":null,"felt":null})");
    const auto reading = value_of<Reading>(R"({"alert":null,"at":"1970-01-01T00:00:00Z","depth":2,"felt":[]})");
    EXPECT_EQ(reading.alert, std::nullopt);
    EXPECT_EQ(reading.at, Timestamp());
    EXPECT_EQ(reading.depth, 2);
    EXPECT_EQ(reading.felt, std::vector<int>{});
}

TEST(JsonOptional, ReportsTheValuesErrors) {
    EXPECT_EQ(read_error<Reading>(R"({"alert":null,"at":null,"depth":null,"felt":[1,"2"]})"),
              "field 'felt[1]': type must be number, but is string");
    EXPECT_EQ(read_error<Reading>(R"({"alert":null,"at":null,"felt":null})"), "field 'depth' is missing");
}

TEST(JsonOptional, WorksWithoutADefaultConstructor) {
    const auto parcel = value_of<std::optional<shop::Parcel>>(R"({"to":"Lima","grams":1})");
    ASSERT_TRUE(parcel.has_value());
    EXPECT_EQ(parcel->to(), "Lima");
    EXPECT_FALSE(value_of<std::optional<shop::Parcel>>("null").has_value());
}

TEST(JsonOptional, NestsInContainers) {
    using Table = std::map<std::string, std::vector<std::optional<int>>>;
    const Table table{{"a", {1, std::nullopt}}};
    EXPECT_EQ(text_of(table), R"({"a":[1,null]})");
    EXPECT_EQ(value_of<Table>(R"({"a":[1,null]})"), table);
}

TEST(JsonOptional, LeavesTheProgramsOwnFormsAlone) {
    EXPECT_EQ(text_of(std::optional(custom::Degrees{5})), R"("warm")");
    EXPECT_EQ(value_of<std::optional<custom::Degrees>>(R"("warm")")->value, 20);
    EXPECT_EQ(text_of(std::optional<custom::Metres>()), "-1");
    EXPECT_EQ(text_of(std::optional(custom::Tagged<int>{3})), R"(["tagged",3])");
    EXPECT_EQ(value_of<std::optional<custom::Tagged<int>>>(R"(["tagged",4])")->value, 4);
}

TEST(JsonOptional, HasNoFormWhereTheValueHasNone) {
    static_assert(detail::JsonReadable<std::optional<int>> && detail::JsonWritable<std::optional<int>>);
    static_assert(!detail::JsonReadable<std::optional<WithoutJsonForm>> &&
                  !detail::JsonWritable<std::optional<WithoutJsonForm>>);
}

TEST(JsonChrono, DurationsAreCounts) {
    EXPECT_EQ(text_of(1500ms), "1500");
    EXPECT_EQ(value_of<std::chrono::seconds>("-3"), -3s);
    EXPECT_EQ((value_of<std::chrono::duration<double>>("0.25")), std::chrono::duration<double>(0.25));
    EXPECT_EQ(read_error<std::chrono::seconds>(R"("3s")"), "type must be number, but is string");
}

TEST(JsonChrono, SysTimesAreIso8601) {
    const std::chrono::sys_time<std::chrono::seconds> time(1'517'966'801s);
    EXPECT_EQ(text_of(time), R"("2018-02-07T01:26:41.000000+00:00")");
    EXPECT_EQ(value_of<std::chrono::sys_seconds>(R"("2018-02-07T01:26:41.900Z")"), time);
    EXPECT_EQ(value_of<std::chrono::system_clock::time_point>(R"("2018-02-07T01:26:41Z")"), time);
    EXPECT_EQ(read_error<std::chrono::sys_seconds>("1"), "must be a string with a time in ISO 8601, but is number");
}

TEST(JsonTimestamp, WorksInOrderedJsonToo) {
    nlohmann::ordered_json json = Timestamp();
    EXPECT_EQ(json.dump(), R"("1970-01-01T00:00:00.000000+00:00")");
    EXPECT_EQ(json.get<Timestamp>(), Timestamp());
    nlohmann::ordered_json optional = std::optional<int>(3);
    EXPECT_EQ(optional.get<std::optional<int>>(), 3);
}

}  // namespace
}  // namespace eventy
