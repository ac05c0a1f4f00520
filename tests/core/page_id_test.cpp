#include "core/page_id.hpp"

#include <gtest/gtest.h>

namespace eventy::detail {
namespace {

const std::string identity = search_identity("eventy", "Order", {.status = EventStatus::error});

TEST(PageId, ComesBackAsItWent) {
    for (const char* position : {"0", "1763848000123456", "-5"}) {
        EXPECT_EQ(read_page_id(identity, make_page_id(identity, position)), position);
    }
}

TEST(PageId, OfAnotherSearchIsRefused) {
    const auto id = make_page_id(identity, "17");
    EXPECT_FALSE(read_page_id(search_identity("eventy", "Order", {}), id));
    EXPECT_FALSE(read_page_id(search_identity("eventy", "Invoice", {.status = EventStatus::error}), id));
    EXPECT_FALSE(read_page_id(search_identity("other", "Order", {.status = EventStatus::error}), id));
    EXPECT_FALSE(read_page_id(
        search_identity("eventy", "Order", {.created_at_min = Timestamp(), .status = EventStatus::error}), id));
}

TEST(PageId, EveryMangledByteIsRefused) {
    const auto id = make_page_id(identity, "1763848000123456");
    for (std::size_t i = 0; i < id.size(); ++i) {
        for (int byte = 0; byte < 256; ++byte) {
            auto mangled = id;
            mangled[i] = static_cast<char>(byte);
            if (mangled != id) {
                EXPECT_FALSE(read_page_id(identity, mangled)) << "byte " << i << " made " << byte;
            }
        }
        EXPECT_FALSE(read_page_id(identity, id.substr(0, i)));
    }
    for (const char* nonsense : {"", "p1", "p1.", "p1..", "....", "p2.17.0"}) {
        EXPECT_FALSE(read_page_id(identity, nonsense));
    }
    EXPECT_FALSE(read_page_id(identity, std::string(1'000'000, '.')));
}

TEST(PageId, NumbersAreReadWhole) {
    EXPECT_EQ(parse_number("17"), 17);
    EXPECT_EQ(parse_number("-17"), -17);
    for (const char* text : {"", "x", "17x", " 17", "99999999999999999999"}) {
        EXPECT_FALSE(parse_number(text)) << text;
    }
}

}  // namespace
}  // namespace eventy::detail
