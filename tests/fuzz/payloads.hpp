// A payload with one of everything, for the targets that decode.
#pragma once
#include <chrono>
#include <eventy/json.hpp>
#include <eventy/timestamp.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace eventy::fuzz {

struct Line {
    std::string sku = {};
    int count = 0;
    std::optional<double> price = {};
    friend bool operator==(const Line&, const Line&) = default;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Line, sku, count, price)

struct Order {
    std::string order_id = {};
    double amount = 0;
    Timestamp timestamp = {};
    bool paid = false;
    std::vector<Line> lines = {};
    std::map<std::string, std::int64_t> tags = {};
    std::optional<std::chrono::milliseconds> wait = {};
    friend bool operator==(const Order&, const Order&) = default;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Order, order_id, amount, timestamp, paid, lines, tags, wait)

/// The order these bytes are, or nothing. Throws `Broken` for anything else than what may happen.
std::optional<Order> decode_order(std::string_view bytes, Format);

}  // namespace eventy::fuzz
