// What may be published in one call.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include <eventy/detail/queue.hpp>

namespace eventy::detail {

/// How many bytes the events have together. Throws `invalid_argument` and `payload_too_large`, with what is too much
/// and how much may be; then nothing is published.
std::size_t check_events(const std::vector<std::string>& payloads, const PublishOptions&, const std::string& headers,
                         const QueueSettings&);

}  // namespace eventy::detail
