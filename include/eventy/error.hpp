// What Eventy throws.
#pragma once
#include <string>
#include <system_error>

namespace eventy {

enum class errc {
    event_not_found = 1,   ///< no event of this id: it never was, or it expired
    subscriber_not_found,  ///< no live subscriber of this id
    type_not_registered,   ///< the manager has no queue of this type
    name_taken,            ///< another C++ type uses this event type's name on the same client or manager
    connection,            ///< the server cannot be reached, or is not a usable Redis
    timeout,               ///< no answer in time; what was asked may or may not have happened
    serialization,         ///< bytes that are no T, or a T that has no bytes
    payload_too_large,     ///< a payload over the queue's `max_payload_bytes`
    lease_lost,            ///< another worker has the event, or it was settled
    invalid_argument,      ///< an option or argument out of its range
    bad_page_id,           ///< a page id that this search did not give out
    closed,                ///< the queue was closed
    would_deadlock,        ///< a blocking wait inside a handler of the same queue
    server                 ///< Redis answered with an error
};

/// In the category named "eventy".
std::error_code make_error_code(errc) noexcept;

/// The only type thrown by the library. `code()` is an `errc`; `what()` says what was tried, on which key and server,
/// and never a password.
class Error : public std::system_error {
public:
    Error(errc, const std::string& what);
    /// The message without the category's words that `std::system_error` adds.
    const char* what() const noexcept override { return message_.c_str(); }

private:
    std::string message_;
};

struct EventNotFound : Error {
    using Error::Error;
};
struct SubscriberNotFound : Error {
    using Error::Error;
};
struct ConnectionError : Error {
    using Error::Error;
};
struct TimeoutError : Error {
    using Error::Error;
};
struct SerializationError : Error {
    using Error::Error;
};
struct LeaseLost : Error {
    using Error::Error;
};

}  // namespace eventy

template <>
struct std::is_error_code_enum<eventy::errc> : std::true_type {};
