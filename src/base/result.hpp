// A value or the reason why there is none, for code that runs where nobody can catch.
#pragma once
#include <eventy/error.hpp>
#include <string>
#include <utility>
#include <variant>

namespace eventy::detail {

struct Failure {
    errc code{};
    std::string message = {};
    bool not_done = false;  // what was asked for did certainly not happen, and will not
};

template <class T>
class Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }
    T& value() { return std::get<0>(state_); }
    const T& value() const { return std::get<0>(state_); }
    const Failure& failure() const { return std::get<1>(state_); }

private:
    std::variant<T, Failure> state_;
};

/// Throws the class of `Error` that belongs to the code.
[[noreturn]] void throw_failure(const Failure&);

/// The value, or what `throw_failure` throws.
template <class T>
T value_or_throw(Result<T> result) {
    if (!result.ok()) {
        throw_failure(result.failure());
    }
    return std::move(result.value());
}

}  // namespace eventy::detail
