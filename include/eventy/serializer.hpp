// How a payload becomes bytes and back. JSON, the default, is in <eventy/json.hpp>.
#pragma once
#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace eventy {

/// Turns T into bytes and back. Called from several threads at once. Both functions may throw anything; what they throw
/// reaches the caller of `publish` or `get_event` as a `SerializationError` and makes an event in delivery ERROR.
template <class T>
class Serializer {
public:
    virtual ~Serializer() = default;
    virtual std::string serialize(const T&) const = 0;
    virtual T deserialize(std::string_view) const = 0;
    /// Whether the bytes are JSON text, so that tools may show them as such.
    virtual bool is_json() const { return false; }
};

/// The forms that come with the library; all need T to have a JSON form (nlohmann/json).
enum class Format { json, msgpack, cbor };

/// A shared serializer. Made without arguments it is the JSON one: that needs <eventy/json.hpp> and a T with a JSON
/// form, and only where it is really left out, so a T without one works with a serializer of its own.
template <class T>
class SerializerPtr {
public:
    SerializerPtr();
    template <class S>
    requires std::convertible_to<std::shared_ptr<S>, std::shared_ptr<const Serializer<T>>>
    SerializerPtr(std::shared_ptr<S> serializer) : serializer_(std::move(serializer)) {}

    /// Never dereference an empty one; a queue refuses it with `invalid_argument`.
    const std::shared_ptr<const Serializer<T>>& get() const { return serializer_; }

private:
    std::shared_ptr<const Serializer<T>> serializer_;
};

/// Passes bytes through untouched.
class RawSerializer final : public Serializer<std::string> {
public:
    std::string serialize(const std::string& bytes) const override { return bytes; }
    std::string deserialize(std::string_view bytes) const override { return std::string(bytes); }
};

}  // namespace eventy
