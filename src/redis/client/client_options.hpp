// The options of a client: whether they can be used, and how messages speak of them.
#pragma once
#include <eventy/redis.hpp>
#include <string>

namespace eventy::redis {

/// Throws `Error` with `invalid_argument`. The password stays out of the message.
void validate(const ClientOptions&);

/// "redis 127.0.0.1:6379/0" or "redis unix:/run/redis.sock/0".
std::string describe(const ClientOptions&);

/// The text with every copy of the password replaced; for words that come from elsewhere.
std::string without_password(std::string text, const ClientOptions&);

}  // namespace eventy::redis
