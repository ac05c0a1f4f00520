// JSON, the default form of payloads, and MessagePack and CBOR, which need the same description of T: nlohmann/json's.
// Also gives std::optional, std::chrono durations and sys_time a JSON form, where you have not given them one.
#pragma once
#include <concepts>
#include <eventy/config.hpp>
#include <eventy/detail/json_std_types.hpp>
#include <eventy/detail/words_of.hpp>
#include <eventy/error.hpp>
#include <eventy/serializer.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace eventy {
namespace detail {

/// Between bytes and a JSON value. A template only so that the value's own ABI is part of the functions' names;
/// compiled into the library for the nlohmann::json it was built with. All throw `SerializationError`.
template <class J>
struct JsonCodec {
    /// Empty, or why T cannot be made of the value.
    using Refusal = std::string (*)(const J&);

    static J parse(std::string_view bytes, Format);
    static std::string write(const J&, Format);

    /// Says `reason`, which T gave for refusing the value that `bytes` bytes made, and which field it is about.
    [[noreturn]] static void throw_refused(const J&, std::size_t bytes, std::string_view reason, Refusal);
};

[[noreturn]] void throw_unwritable(const char* reason);

template <class T>
concept JsonReadable = requires(const nlohmann::json& value) {
    { value.template get<T>() } -> std::same_as<T>;
};
template <class T>
concept JsonWritable = std::constructible_from<nlohmann::json, const T&>;

template <class T>
std::string why_refused(const nlohmann::json& value) {
    try {
        static_cast<void>(value.template get<T>());
        return {};
    } catch (const std::exception& error) {
        return words_of(error);
    }
}

template <class T>
class JsonSerializer final : public Serializer<T> {
public:
    explicit JsonSerializer(Format format) : format_(format) {}

    std::string serialize(const T& value) const override {
        if constexpr (std::same_as<T, nlohmann::json>) {
            return JsonCodec<T>::write(value, format_);  // no copy: that recurses as deep as the value
        } else {
            return JsonCodec<nlohmann::json>::write(json_of(value), format_);
        }
    }

    T deserialize(std::string_view bytes) const override {
        const nlohmann::json value = JsonCodec<nlohmann::json>::parse(bytes, format_);
        try {
            return value.template get<T>();
        } catch (const std::exception& error) {
            JsonCodec<nlohmann::json>::throw_refused(value, bytes.size(), words_of(error), &why_refused<T>);
        }
    }

    bool is_json() const override { return format_ == Format::json; }

private:
    static nlohmann::json json_of(const T& value) {
        try {
            return nlohmann::json(value);
        } catch (const std::exception& error) {
            throw_unwritable(words_of(error));
        }
    }

    Format format_;
};

}  // namespace detail

/// A serializer in one of the library's forms. What it throws is a `SerializationError` that says at which byte the
/// text is wrong, or which field.
///
/// JSON: NaN and infinity, text that is not UTF-8 and nesting over 512 levels are errors both ways, never `null`, `?`
/// or a stack overflow. MessagePack and CBOR carry NaN and infinity as they are; nesting is limited in the same way.
template <class T>
SerializerPtr<T> make_serializer(Format format) {
    constexpr bool has_json_form = detail::JsonReadable<T> && detail::JsonWritable<T>;
    static_assert(has_json_form,
                  "eventy: this T has no JSON form: add NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(...) beside it, or pass "
                  ".serializer");
    if constexpr (has_json_form) {
        return std::make_shared<const detail::JsonSerializer<T>>(format);
    } else {
        return std::shared_ptr<const Serializer<T>>();
    }
}

template <class T>
SerializerPtr<T>::SerializerPtr() : SerializerPtr(make_serializer<T>(Format::json)) {}

}  // namespace eventy

#define EVENTY_JOIN_(a, b) a##b
#define EVENTY_JOIN(a, b) EVENTY_JOIN_(a, b)
#if EVENTY_JOIN(EVENTY_COMPILED_FOR_, \
                NLOHMANN_JSON_NAMESPACE_CONCAT(NLOHMANN_JSON_ABI_TAGS, NLOHMANN_JSON_NAMESPACE_VERSION))
extern template struct eventy::detail::JsonCodec<nlohmann::json>;
#else
#include <eventy/detail/json_codec.hpp>
#endif
#undef EVENTY_JOIN
#undef EVENTY_JOIN_
