#include "fuzz/payloads.hpp"

#include <eventy/error.hpp>

#include "fuzz/target.hpp"

namespace eventy::fuzz {

std::optional<Order> decode_order(std::string_view bytes, Format format) {
    const auto serializer = make_serializer<Order>(format);
    std::optional<Order> order;
    try {
        order = serializer.get()->deserialize(bytes);
    } catch (const SerializationError& error) {
        const std::string what = error.what();
        require(is_one_line(what) && what.size() <= 1000, "what is wrong is said in one line: " + what);
        return std::nullopt;
    }
    std::string written;
    try {
        written = serializer.get()->serialize(*order);
    } catch (const SerializationError&) {
        require(format != Format::json, "what was read as JSON can be written as JSON");
        return order;
    }
    // NaN is equal to nothing, and infinity comes from binary forms only.
    const auto again = serializer.get()->deserialize(written);
    require(again == *order || written == serializer.get()->serialize(again), "a payload reads as it was written");
    return order;
}

}  // namespace eventy::fuzz
