// JSON forms for types of the standard library that nlohmann/json 3.11 does not know. Each is a partial specialisation
// for any type at all, constrained to the one meant: one that a program wrote for std::optional<T>, or for its own
// std::optional<X>, is more special and wins, and so does a to_json beside X that takes a std::optional<X>.
#pragma once
#include <chrono>
#include <eventy/timestamp.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>
#include <utility>

namespace eventy::detail {

template <class O>
inline constexpr bool is_optional = false;
template <class V>
inline constexpr bool is_optional<std::optional<V>> = true;

template <class D>
inline constexpr bool is_duration = false;
template <class R, class P>
inline constexpr bool is_duration<std::chrono::duration<R, P>> = true;

template <class S>
inline constexpr bool is_sys_time = false;
template <class D>
inline constexpr bool is_sys_time<std::chrono::sys_time<D>> = true;

/// A form that the program gave by overloads, which argument-dependent lookup finds. No concept: clang 19 would look
/// the names up where the concept is used, and find the members that it is there to decide about.
template <class T, class = void>
inline constexpr bool has_own_json = false;
template <class T>
inline constexpr bool
    has_own_json<T, std::void_t<decltype(to_json(std::declval<nlohmann::json&>(), std::declval<const T&>())),
                                decltype(from_json(std::declval<const nlohmann::json&>(), std::declval<T&>()))>> = true;

}  // namespace eventy::detail

NLOHMANN_JSON_NAMESPACE_BEGIN

/// Nothing is null.
template <class O>
requires(eventy::detail::is_optional<O> && !eventy::detail::has_own_json<O>)
struct adl_serializer<O, void> {
    template <class J>
    requires std::is_constructible_v<J, const typename O::value_type&>
    static void to_json(J& j, const O& value) {
        if (value) {
            j = J(*value);
        } else {
            j = nullptr;
        }
    }
    template <class J>
    static auto from_json(const J& j, O& value)
        -> decltype(static_cast<void>(j.template get<typename O::value_type>())) {
        if (j.is_null()) {
            value.reset();
        } else {
            value.emplace(j.template get<typename O::value_type>());
        }
    }
};

/// A number, in the duration's own unit.
template <class D>
requires(eventy::detail::is_duration<D> && !eventy::detail::has_own_json<D>)
struct adl_serializer<D, void> {
    template <class J>
    static void to_json(J& j, const D& duration) {
        j = duration.count();
    }
    template <class J>
    static void from_json(const J& j, D& duration) {
        duration = D(j.template get<typename D::rep>());
    }
};

/// As `eventy::Timestamp`: ISO 8601, cut to microseconds.
template <class S>
requires(eventy::detail::is_sys_time<S> && !eventy::detail::has_own_json<S>)
struct adl_serializer<S, void> {
    template <class J>
    static void to_json(J& j, const S& time) {
        j = eventy::to_string(eventy::Timestamp(time));
    }
    template <class J>
    static void from_json(const J& j, S& time) {
        const eventy::Timestamp::time_point read = j.template get<eventy::Timestamp>();
        time = std::chrono::floor<typename S::duration>(read);
    }
};

NLOHMANN_JSON_NAMESPACE_END
