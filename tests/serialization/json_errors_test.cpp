#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "serialization/payloads.hpp"
#include "support/wordless.hpp"

namespace eventy {
namespace {

using shop::Item;
using shop::Lenient;
using shop::Order;

std::string nested_arrays(int levels) {
    return std::string(static_cast<std::size_t>(levels), '[') + std::string(static_cast<std::size_t>(levels), ']');
}

// -- text that is no JSON -----------------------------------------------------------------------------------------

TEST(JsonErrors, SayWhereTheTextIsWrong) {
    EXPECT_EQ(read_error<Item>(""), "not JSON: no bytes at all");
    EXPECT_EQ(read_error<Item>("{"), "not JSON: unexpected end of input; expected string literal at byte 2");
    EXPECT_EQ(read_error<Item>(R"({"name" "x"})"), "not JSON: unexpected string literal; expected ':' at byte 11");
    EXPECT_EQ(read_error<Item>(R"({"name":nul})"), "not JSON: invalid literal at byte 12");
    EXPECT_EQ(read_error<Item>(R"({"name":'x'})"), "not JSON: invalid literal at byte 9");
    EXPECT_EQ(read_error<Item>("{} {}"), "not JSON: unexpected '{'; expected end of input at byte 4");
    EXPECT_EQ(read_error<Item>(R"({"name":"x","price":1}garbage)"),
              "not JSON: invalid literal; expected end of input at byte 23");
    EXPECT_EQ(read_error<Item>("[1,2,]"), "not JSON: unexpected ']'; expected '[', '{', or a literal at byte 6");
    EXPECT_EQ(read_error<Item>("// comment"), "not JSON: invalid literal at byte 1");
    EXPECT_EQ(read_error<Item>(std::string_view("{}\0", 3)), "not JSON: unexpected NUL at byte 3");
}

TEST(JsonErrors, RefuseNumbersThatAreNone) {
    EXPECT_EQ(read_error<Item>(R"({"name":"x","price":NaN})"), "not JSON: invalid literal at byte 21");
    EXPECT_EQ(read_error<Item>(R"({"name":"x","price":-Infinity})"),
              "not JSON: invalid number; expected digit after '-' at byte 22");
    EXPECT_EQ(read_error<Item>(R"({"name":"x","price":1e999})"),
              "not JSON: number overflow parsing '1e999' at byte 25");
}

TEST(JsonErrors, RefuseTextThatIsNotUtf8) {
    for (const auto* text : {"\"\xFF\"", "\"\xC3\"", "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xF5\x80\x80\x80\""}) {
        EXPECT_NE(read_error<std::string>(text).find("not JSON: invalid string: ill-formed UTF-8 byte at byte "),
                  std::string::npos)
            << read_error<std::string>(text);
    }
    EXPECT_NE(read_error<std::string>(R"("\ud800")").find("surrogate"), std::string::npos);
}

TEST(JsonErrors, StayShortWhateverTheText) {
    const std::string huge = "{\"" + std::string(1'000'000, 'x') + "\" 1}";
    EXPECT_EQ(read_error<Item>(huge), "not JSON: unexpected number literal; expected ':' at byte 1000005");
    EXPECT_LT(read_error<std::vector<double>>("[1e" + std::string(100'000, '9') + "]").size(), 250U);
    const std::string time = '"' + std::string(100'000, 'x') + '"';
    EXPECT_LT(read_error<Timestamp>(time).size(), 120U);
}

TEST(JsonErrors, NeverCrashOnCutOrChangedText) {
    const std::string text =
        in_format<Order>(Format::json).serialize({"ORD", 1.5, {}, {{"tea", 4.5}, {"\xC3\xA4", -1}}});
    for (std::size_t length = 0; length < text.size(); ++length) {
        EXPECT_NE(read_error<Order>(text.substr(0, length)), "no error");
    }
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (const char c : {'\0', '"', '{', ']', ',', '9', '\x80'}) {
            std::string changed = text;
            changed[at] = c;
            static_cast<void>(read_error<Order>(changed));
        }
    }
}

TEST(JsonErrors, RefuseDeepNesting) {
    EXPECT_EQ(read_error<nlohmann::json>(nested_arrays(512)), "no error");
    EXPECT_EQ(read_error<nlohmann::json>(nested_arrays(513)), "JSON nested deeper than 512 levels");
    EXPECT_EQ(read_error<nlohmann::json>(nested_arrays(1'000'000)), "JSON nested deeper than 512 levels");
    nlohmann::json deep;
    for (int level = 0; level < 100'000; ++level) {
        deep = nlohmann::json::array({std::move(deep)});
    }
    EXPECT_EQ(write_error(deep), "JSON nested deeper than 512 levels");
    EXPECT_EQ(write_error(deep, Format::cbor), "CBOR nested deeper than 512 levels");
}

// -- JSON that is no T ----------------------------------------------------------------------------------------------

TEST(JsonErrors, NameTheField) {
    EXPECT_EQ(read_error<Item>(R"({"name":"x","price":"4.5"})"), "field 'price': type must be number, but is string");
    EXPECT_EQ(read_error<Item>(R"({"name":5,"price":4.5})"), "field 'name': type must be string, but is number");
    EXPECT_EQ(read_error<Item>(R"({"name":null,"price":null})"), "field 'name': type must be string, but is null");
    EXPECT_EQ(read_error<Item>(R"({"a":1,"name":"x","price":{"amount":1},"z":2})"),
              "field 'price': type must be number, but is object");
}

TEST(JsonErrors, NameTheFieldThatIsMissing) {
    EXPECT_EQ(read_error<Item>(R"({"price":4.5})"), "field 'name' is missing");
    EXPECT_EQ(read_error<Item>(R"({"name":"x"})"), "field 'price' is missing");
    EXPECT_EQ(read_error<Item>("{}"), "field 'name' is missing");
    EXPECT_EQ(read_error<Order>(R"({"order_id":"1","amount":1,"timestamp":"2018-02-07T01:26:41Z",
                                    "items":[{"name":"a","price":1},{"name":"b"}]})"),
              "field 'items[1].price' is missing");
}

TEST(JsonErrors, NameTheFieldInside) {
    const auto order = [](std::string_view items) {
        return R"({"order_id":"1","amount":1,"timestamp":"2018-02-07T01:26:41Z","items":)" + std::string(items) + '}';
    };
    EXPECT_EQ(read_error<Order>(order(R"([{"name":"a","price":1},{"name":"b","price":2},{"name":"c","price":"3"}])")),
              "field 'items[2].price': type must be number, but is string");
    EXPECT_EQ(read_error<Order>(order(R"([{"name":"a","price":1},{"name":[],"price":2},{"name":[],"price":3}])")),
              "field 'items[1].name': type must be string, but is array");
    EXPECT_EQ(read_error<Order>(order(R"("none")")), "field 'items': type must be array, but is string");
    EXPECT_EQ(read_error<Order>(order("[1]")), "field 'items[0]': must be an object, but is number");
}

TEST(JsonErrors, NameTheFieldWhereAllFieldsMayBeMissing) {
    EXPECT_EQ(read_error<Lenient>(R"({"id":"a","note":5,"count":1})"),
              "field 'note': type must be string, but is number");
    EXPECT_EQ(read_error<Lenient>(R"({"count":"1"})"), "field 'count': type must be number, but is string");
    EXPECT_EQ(read_error<Lenient>(R"({"limit":"1","count":2})"), "field 'limit': type must be number, but is string");
    EXPECT_EQ(read_error<Lenient>(R"({"id":"a","item":{"name":"b","price":[]}})"),
              "field 'item.price': type must be number, but is array");
}

TEST(JsonErrors, SayWhatTheWholeShouldBe) {
    EXPECT_EQ(read_error<Item>("[]"), "must be an object, but is array");
    EXPECT_EQ(read_error<Item>("5"), "must be an object, but is number");
    EXPECT_EQ(read_error<Item>("null"), "must be an object, but is null");
    EXPECT_EQ(read_error<std::vector<int>>("{}"), "type must be array, but is object");
    EXPECT_EQ(read_error<std::vector<int>>(R"([1,2,"3",4])"), "field '[2]': type must be number, but is string");
    EXPECT_EQ((read_error<std::map<std::string, int>>(R"({"a":1,"b c":"2"})")),
              "field '['b c']': type must be number, but is string");
    EXPECT_NE((read_error<std::array<int, 3>>("[1]")), "no error");
}

TEST(JsonErrors, NameTheTimeThatIsNone) {
    EXPECT_EQ(read_error<Order>(R"({"order_id":"1","amount":1,"timestamp":"yesterday","items":[]})"),
              "field 'timestamp': not a time in ISO 8601: 'yesterday'");
    EXPECT_EQ(read_error<Order>(R"({"order_id":"1","amount":1,"timestamp":1517966801,"items":[]})"),
              "field 'timestamp': must be a string with a time in ISO 8601, but is number");
}

TEST(JsonErrors, SearchTheFieldForAWhileOnly) {
    std::string text = "{\"name\":\"" + std::string(8'000'000, 'x') + "\",\"price\":\"1\"}";
    EXPECT_EQ(read_error<Item>(text), "type must be number, but is string");
    std::string wide = R"({"name":"x","price":"1")";
    for (int i = 0; i < 50'000; ++i) {
        wide += ",\"k" + std::to_string(i) + "\":0";
    }
    EXPECT_EQ(read_error<Item>(wide + "}"), "type must be number, but is string");
}

// -- a T that has no JSON -------------------------------------------------------------------------------------------

TEST(JsonErrors, RefuseToWriteNaN) {
    for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity()}) {
        EXPECT_EQ(write_error(bad), "the value: NaN and infinity have no JSON form");
        EXPECT_EQ(write_error(Item{"x", bad}), "field 'price': NaN and infinity have no JSON form");
        EXPECT_EQ(write_error(Order{"1", 1, {}, {{"a", 1}, {"b", bad}}}),
                  "field 'items[1].price': NaN and infinity have no JSON form");
    }
}

TEST(JsonErrors, RefuseToWriteTextThatIsNotUtf8) {
    EXPECT_EQ(write_error(Item{"\xFF", 1}), "field 'name': the text is not UTF-8");
    EXPECT_EQ(write_error(Order{"1", 1, {}, {{"cut \xC3", 1}}}), "field 'items[0].name': the text is not UTF-8");
    EXPECT_EQ(write_error(std::map<std::string, int>{{"\xED\xA0\x80", 1}}), "the value: a key is not UTF-8");
}

struct Moody {
    int value = 0;
};
[[maybe_unused]] void to_json(nlohmann::json&, const Moody&) { throw std::runtime_error("not today"); }
[[maybe_unused]] void from_json(const nlohmann::json& j, Moody& moody) {
    moody.value = j.at("value").get<int>();
    if (moody.value == -2) {
        throw test::Wordless();
    }
    if (moody.value < 0) {
        throw std::invalid_argument("negative");
    }
}

TEST(JsonErrors, CarryWhatTheProgramThrows) {
    EXPECT_EQ(write_error(Moody{}), "no JSON form: not today");
    EXPECT_EQ(read_error<Moody>(R"({"value":-1})"), "field 'value': negative");
    EXPECT_EQ(read_error<Moody>(R"({"value":-2})"), "field 'value': an exception whose what() is a null pointer");
}

}  // namespace
}  // namespace eventy
