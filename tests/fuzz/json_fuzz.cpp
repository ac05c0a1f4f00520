// Payloads: JSON, MessagePack and CBOR, as values and as a type of a program.
#include <eventy/error.hpp>
#include <eventy/json.hpp>
#include <nlohmann/json.hpp>

#include "fuzz/payloads.hpp"
#include "fuzz/target.hpp"

namespace eventy::fuzz {
namespace {

using Codec = detail::JsonCodec<nlohmann::json>;

/// Nothing, for bytes that are refused as they should be.
std::optional<nlohmann::json> parse(std::string_view bytes, Format format) {
    try {
        return std::optional<nlohmann::json>(std::in_place, Codec::parse(bytes, format));
    } catch (const SerializationError& error) {
        const std::string what = error.what();
        require(is_one_line(what) && what.size() <= 1000, "what is wrong is said in one line: " + what);
        return std::nullopt;
    }
}

void require_round_trips(const nlohmann::json& value) {
    for (const Format format : {Format::json, Format::msgpack, Format::cbor}) {
        std::string bytes;
        try {
            bytes = Codec::write(value, format);
        } catch (const SerializationError&) {
            continue;  // what came in a binary form may have no JSON form
        }
        const auto again = parse(bytes, format);
        require(again.has_value(), "what was written can be read");
        // Compared as bytes: NaN is equal to nothing.
        require(Codec::write(*again, format) == bytes, "a value reads as it was written");
    }
}

}  // namespace
}  // namespace eventy::fuzz

// The form (j, m or c), then the bytes.
EVENTY_FUZZ_TARGET(json) {
    if (input.empty()) {
        return;
    }
    const Format format = input[0] == 'm' ? Format::msgpack : input[0] == 'c' ? Format::cbor : Format::json;
    const auto bytes = format == Format::json ? expanded(input.substr(1)) : std::string(input.substr(1));
    if (const auto value = parse(bytes, format)) {
        require(format != Format::json || nlohmann::json::accept(bytes), "what is accepted is JSON");
        require_round_trips(*value);
    }
    decode_order(bytes, format);
}
