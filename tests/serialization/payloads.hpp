// Payloads that the tests of this folder share, and a way to look at an error.
#pragma once
#include <gtest/gtest.h>

#include <eventy/json.hpp>
#include <eventy/timestamp.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace shop {

struct Item {
    std::string name;
    double price = 0;
    bool operator==(const Item&) const = default;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Item, name, price)

struct Order {
    std::string order_id;
    double amount = 0;
    eventy::Timestamp timestamp;
    std::vector<Item> items;
    bool operator==(const Order&) const = default;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Order, order_id, amount, timestamp, items)

/// What the documentation shows for payloads that live long.
struct Lenient {
    std::string id = "none";
    std::string note = "nothing";
    int count = 7;
    std::optional<int> limit = 3;
    Item item = {"standard", 1};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Lenient, id, note, count, limit, item)

/// Neither default constructible nor copyable.
class Parcel {
public:
    Parcel(std::string to, int grams) : to_(std::move(to)), grams_(grams) {}
    Parcel(Parcel&&) = default;
    Parcel& operator=(Parcel&&) = default;
    const std::string& to() const { return to_; }
    int grams() const { return grams_; }

private:
    std::string to_;
    int grams_;
};

}  // namespace shop

template <>
struct nlohmann::adl_serializer<shop::Parcel> {
    template <class J>
    static void to_json(J& j, const shop::Parcel& parcel) {
        j = J{{"to", parcel.to()}, {"grams", parcel.grams()}};
    }
    template <class J>
    static shop::Parcel from_json(const J& j) {
        return {j.at("to").template get<std::string>(), j.at("grams").template get<int>()};
    }
};

namespace eventy {

template <class T>
const Serializer<T>& in_format(Format format) {
    static const SerializerPtr<T> serializers[] = {
        make_serializer<T>(Format::json), make_serializer<T>(Format::msgpack), make_serializer<T>(Format::cbor)};
    return *serializers[static_cast<int>(format)].get();
}

template <class F>
std::string serialization_error(F call) {
    try {
        call();
    } catch (const SerializationError& error) {
        EXPECT_EQ(error.code(), errc::serialization);
        return error.what();
    }
    return "no error";
}

/// What is said when `bytes` are read as a T.
template <class T>
std::string read_error(std::string_view bytes, Format format = Format::json) {
    return serialization_error([&] { static_cast<void>(in_format<T>(format).deserialize(bytes)); });
}

template <class T>
std::string write_error(const T& value, Format format = Format::json) {
    return serialization_error([&] { static_cast<void>(in_format<T>(format).serialize(value)); });
}

}  // namespace eventy
