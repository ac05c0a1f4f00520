// Replies as a server would give them.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "resp/reply.hpp"

namespace eventy::redis {

using resp::Reply;

inline Reply status(std::string text) { return {Reply::Kind::status, std::move(text), 0, {}}; }
inline Reply text(std::string value) { return {Reply::Kind::text, std::move(value), 0, {}}; }
inline Reply error(std::string text) { return {Reply::Kind::error, std::move(text), 0, {}}; }
inline Reply integer(std::int64_t value) { return {Reply::Kind::integer, "", value, {}}; }
inline Reply array(std::vector<Reply> items = {}) { return {Reply::Kind::array, "", 0, std::move(items)}; }

}  // namespace eventy::redis
