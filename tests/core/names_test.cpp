#include "core/names.hpp"

#include <gtest/gtest.h>

namespace eventy::detail {
namespace {

using namespace std::chrono_literals;

template <class F>
std::string refusal(F call) {
    try {
        call();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), errc::invalid_argument);
        return error.what();
    }
    return "accepted";
}

QueueSettings good() { return {.event_type = "Order", .key_prefix = "eventy", .event_ttl = 1h}; }

TEST(Names, AcceptsWhatPeopleUse) {
    for (const char* prefix : {"eventy", "my-app", "prod:eu:1", "{tag}", "a{tag}b", "größe"}) {
        EXPECT_NO_THROW(check_prefix(prefix)) << prefix;
    }
    for (const char* type : {"OrderEvent", "order.created", "a-b_c", "Überweisung"}) {
        EXPECT_NO_THROW(check_event_type(type)) << type;
        EXPECT_NO_THROW(check_group(type)) << type;
    }
    EXPECT_NO_THROW(check_event_type(std::string(200, 'x')));
}

TEST(Names, SaysWhatIsWrongWithAName) {
    EXPECT_EQ(refusal([] { check_prefix(""); }), "the key prefix is empty");
    EXPECT_EQ(refusal([] { check_event_type(""); }), "the event type is empty");
    EXPECT_NE(refusal([] { check_prefix(std::string(201, 'x')); }).find("has 201 bytes; at most 200"),
              std::string::npos);
    EXPECT_NE(refusal([] { check_event_type("a:b"); }).find("contains ':'"), std::string::npos);
    EXPECT_NE(refusal([] { check_group("g{1}"); }).find("contains '{'"), std::string::npos);
    EXPECT_NE(refusal([] { check_event_type(std::string(201, 'x')); }).find("has 201 bytes; at most 200"),
              std::string::npos);
    EXPECT_NE(refusal([] { check_prefix("a\tb"); }).find("\"a\\x09b\""), std::string::npos);
    EXPECT_NE(refusal([] { check_event_type("a\nb"); }).find("\"a\\x0ab\""), std::string::npos);
    EXPECT_NE(refusal([] { check_event_type(std::string_view("a\0b", 3)); }).find("control character"),
              std::string::npos);
    for (const char* glob : {"a*", "a?", "a[b", "a]b", "a\\b"}) {
        EXPECT_NE(refusal([&] { check_event_type(glob); }).find("glob"), std::string::npos) << glob;
        EXPECT_NE(refusal([&] { check_prefix(glob); }).find("glob"), std::string::npos) << glob;
    }
}

TEST(Names, AreUtf8) {
    EXPECT_EQ(refusal([] { check_event_type("a\xff"); }), "the event type \"a\\xff\" is not UTF-8");
    EXPECT_EQ(refusal([] { check_prefix("gr\xc3"); }), "the key prefix \"gr\\xc3\" is not UTF-8");
    EXPECT_EQ(refusal([] { check_group("\xc0\x80"); }), "the group \"\\xc0\\x80\" is not UTF-8");
    EXPECT_EQ(quoted("größe"), "\"größe\"");
}

TEST(Names, APrefixHasAtMostOneWholeHashTag) {
    for (const char* broken : {"{}", "{a", "a}", "}a{", "{a}{b}", "{{a}}", "{a}}"}) {
        EXPECT_NE(refusal([&] { check_prefix(broken); }).find("hash tag"), std::string::npos) << broken;
    }
    EXPECT_NE(refusal([] { check_prefix("{a:b}"); }).find("hash tag"), std::string::npos);
}

TEST(Names, SettingsHaveRanges) {
    const auto with = [](auto change) {
        auto settings = good();
        change(settings);
        return refusal([&] { check_settings(settings); });
    };
    EXPECT_EQ(with([](auto&) {}), "accepted");
    EXPECT_NE(with([](auto& s) { s.event_ttl = 0ms; }).find("event_ttl is 0 ms"), std::string::npos);
    EXPECT_NE(with([](auto& s) { s.event_ttl = -5ms; }).find("event_ttl is -5 ms"), std::string::npos);
    EXPECT_NE(with([](auto& s) { s.event_ttl = 24h * 36526; }).find("100 years"), std::string::npos);
    EXPECT_EQ(with([](auto& s) { s.event_ttl = 24h * 36525; }), "accepted");
    EXPECT_NE(with([](auto& s) { s.concurrency = 0; }).find("concurrency is 0"), std::string::npos);
    EXPECT_NE(with([](auto& s) { s.concurrency = 1025; }).find("concurrency is 1025"), std::string::npos);
    EXPECT_NE(with([](auto& s) { s.lease = 0ms; }).find("lease is 0 ms"), std::string::npos);
    EXPECT_NE(refusal([] { check_limit(0); }).find("limit is 0"), std::string::npos);
    EXPECT_NE(refusal([] { check_limit(10'001); }).find("limit is 10001"), std::string::npos);
    EXPECT_EQ(refusal([] { check_limit(10'000); }), "accepted");
}

}  // namespace
}  // namespace eventy::detail
