#include <eventy/error.hpp>

#include "base/result.hpp"

namespace eventy {

namespace {

class Category final : public std::error_category {
public:
    const char* name() const noexcept override { return "eventy"; }
    std::string message(int value) const override {
        switch (static_cast<errc>(value)) {
            case errc::event_not_found: return "event not found";
            case errc::subscriber_not_found: return "subscriber not found";
            case errc::type_not_registered: return "event type not registered";
            case errc::name_taken: return "name taken by another type";
            case errc::connection: return "connection failed";
            case errc::timeout: return "timed out";
            case errc::serialization: return "serialization failed";
            case errc::payload_too_large: return "payload too large";
            case errc::lease_lost: return "lease lost";
            case errc::invalid_argument: return "invalid argument";
            case errc::bad_page_id: return "bad page id";
            case errc::closed: return "queue closed";
            case errc::would_deadlock: return "would deadlock";
            case errc::server: return "server error";
        }
        return "unknown error " + std::to_string(value);
    }
};

}  // namespace

std::error_code make_error_code(errc code) noexcept {
    static const Category category;
    return {static_cast<int>(code), category};
}

Error::Error(errc code, const std::string& what) : std::system_error(make_error_code(code), what), message_(what) {}

namespace detail {

void throw_failure(const Failure& failure) {
    switch (failure.code) {
        case errc::event_not_found: throw EventNotFound(failure.code, failure.message);
        case errc::subscriber_not_found: throw SubscriberNotFound(failure.code, failure.message);
        case errc::connection: throw ConnectionError(failure.code, failure.message);
        case errc::timeout: throw TimeoutError(failure.code, failure.message);
        case errc::serialization: throw SerializationError(failure.code, failure.message);
        case errc::lease_lost: throw LeaseLost(failure.code, failure.message);
        default: throw Error(failure.code, failure.message);
    }
}

}  // namespace detail
}  // namespace eventy
