#include <gtest/gtest.h>

#include <eventy/event_name.hpp>
#include <string>
#include <vector>

namespace app {

struct OrderEvent {};
class Invoice {};
union Value {};
enum class Colour { red };
inline namespace v2 {
struct Versioned {};
}  // namespace v2
namespace deep::deeper {
struct Nested {
    struct Inner {};
};
}  // namespace deep::deeper
struct Said {
    static constexpr std::string_view event_name = "said.so";
};
struct SaidAsArray {
    static constexpr char event_name[] = "array";
};
struct HasAField {
    std::string event_name;
};
template <class T>
struct Box {
    static constexpr std::string_view event_name = "box";
};
template <class T>
struct Foreign {};
typedef struct {
    int value;
} ByTypedef;

template <class T>
auto make_local(const T&) {
    struct InTemplate {};
    return InTemplate{};
}
inline auto make_local_of_vector(const std::vector<int>&) {
    struct InFunction {};
    return InFunction{};
}

}  // namespace app

template <>
inline constexpr std::string_view eventy::event_name<app::Foreign<int>> = "foreign.int";
template <>
inline constexpr std::string_view eventy::event_name<std::vector<std::string>> = "words";

namespace {
struct Unlinked {};
namespace inside {
struct Hidden {};
}  // namespace inside
}  // namespace
struct Global {};

namespace eventy {
namespace {

static_assert(event_name<app::OrderEvent> == "OrderEvent");
static_assert(event_name<const app::OrderEvent> == "OrderEvent");
static_assert(event_name<app::Invoice> == "Invoice");
static_assert(event_name<app::Value> == "Value");
static_assert(event_name<app::Colour> == "Colour");
static_assert(event_name<app::Versioned> == "Versioned");
static_assert(event_name<app::deep::deeper::Nested> == "Nested");
static_assert(event_name<app::deep::deeper::Nested::Inner> == "Inner");
static_assert(event_name<app::Said> == "said.so");
static_assert(event_name<app::SaidAsArray> == "array");
static_assert(event_name<app::HasAField> == "HasAField");
static_assert(event_name<app::Box<int>> == "box");
static_assert(event_name<app::Foreign<int>> == "foreign.int");
static_assert(event_name<std::vector<std::string>> == "words");
static_assert(event_name<app::ByTypedef> == "ByTypedef");
static_assert(event_name<Unlinked> == "Unlinked");
static_assert(event_name<inside::Hidden> == "Hidden");
static_assert(event_name<Global> == "Global");
static_assert(event_name<decltype(app::make_local_of_vector({}))> == "InFunction");

TEST(EventName, OfLocalClassesIsTheirOwn) {
    struct Local {};
    static_assert(event_name<Local> == "Local");
    const auto in_lambda = [] {
        struct LocalOfLambda {};
        return LocalOfLambda{};
    };
    EXPECT_EQ(event_name<decltype(in_lambda())>, "LocalOfLambda");
    EXPECT_EQ(event_name<decltype(app::make_local(std::string()))>, "InTemplate");
}

}  // namespace
}  // namespace eventy
