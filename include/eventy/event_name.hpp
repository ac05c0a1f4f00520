// The name of an event type, as it stands in keys.
#pragma once
#include <concepts>
#include <string_view>
#include <type_traits>

namespace eventy {
namespace detail {

template <class T>
consteval std::string_view raw_type_name() {
    // GCC: "... raw_type_name() [with T = app::OrderEvent; std::string_view = ...]"; clang: "... [T = app::OrderEvent]"
    std::string_view text = __PRETTY_FUNCTION__;
    text.remove_prefix(text.find("T = ") + 4);
    const auto end = text.rfind("; std::string_view = ");
    return text.substr(0, end == std::string_view::npos ? text.size() - 1 : end);
}

constexpr bool is_identifier(std::string_view name) {
    if (name.empty() || (name[0] >= '0' && name[0] <= '9')) {
        return false;
    }
    for (const char c : name) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(c >= '0' && c <= '9')) {
            return false;
        }
    }
    return true;
}

constexpr bool is_std_name(std::string_view name) {
    return name.starts_with("std::") || name.starts_with("__gnu_cxx::") || name.starts_with("__cxxabiv1::");
}

/// Whether a scope's name says that it is a template. A function is fine, whatever its signature: GCC spells its local
/// classes "f(std::vector<int>)::Order" or "f()::<lambda()>::Order", clang just "Order".
constexpr bool is_template_scope(std::string_view scope) {
    if (const auto signature = scope.rfind(')'); signature != std::string_view::npos) {
        scope.remove_prefix(signature + 1);
        if (scope.starts_with('>')) {
            scope.remove_prefix(1);
        }
    }
    return scope.find('<') != std::string_view::npos || scope.find('>') != std::string_view::npos;
}

/// The part behind the last "::"; empty where that is no plain class name (templates, what is nested in them, unnamed
/// types and lambdas, fundamental types, things of the standard library).
template <class T>
consteval std::string_view bare_class_name() {
    if constexpr (!(std::is_class_v<T> || std::is_union_v<T> || std::is_enum_v<T>)) {
        return {};
    } else {
        std::string_view name = raw_type_name<T>();
        if (is_std_name(name)) {
            return {};
        }
        if (const auto colons = name.rfind("::"); colons != std::string_view::npos) {
            if (is_template_scope(name.substr(0, colons))) {
                return {};
            }
            name.remove_prefix(colons + 2);
        }
        return is_identifier(name) ? name : std::string_view{};
    }
}

/// A static member; a payload may well have a field of that name.
template <class T>
concept HasEventName = requires {
    { T::event_name } -> std::convertible_to<std::string_view>;
    requires !std::is_member_pointer_v<decltype(&T::event_name)>;
};

template <class T>
concept HasConstantEventName = requires { typename std::bool_constant<!std::string_view(T::event_name).empty()>; };

}  // namespace detail

/// `T::event_name` (a static constexpr std::string_view), else the bare class name without its namespaces. Templates,
/// unnamed types and types of the standard library must say theirs, or be given one by specialising `event_name<T>`.
template <class T>
consteval std::string_view default_event_name() {
    if constexpr (detail::HasConstantEventName<T>) {
        return T::event_name;
    } else if constexpr (detail::HasEventName<T>) {
        static_assert(detail::HasConstantEventName<T>,
                      "eventy: write event_name as `static constexpr std::string_view event_name = \"...\";`");
        return {};
    } else {
        constexpr std::string_view name = detail::bare_class_name<T>();
        static_assert(!name.empty(),
                      "eventy: this event type has no plain class name to use in keys: add `static constexpr "
                      "std::string_view event_name = \"...\";` to it, or specialise eventy::event_name<T>");
        return name;
    }
}

/// Specialise it, inline and beside T, only for a T that you cannot edit.
template <class T>
inline constexpr std::string_view event_name = default_event_name<T>();

}  // namespace eventy
