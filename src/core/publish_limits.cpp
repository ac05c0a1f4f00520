#include "core/publish_limits.hpp"

#include <eventy/error.hpp>

namespace eventy::detail {

namespace {

constexpr std::size_t most_bytes_a_publish = std::size_t{32} * 1024 * 1024;
constexpr std::size_t most_key_bytes = 1024;
constexpr std::size_t most_header_bytes = std::size_t{64} * 1024;

}  // namespace

std::size_t check_events(const std::vector<std::string>& payloads, const PublishOptions& options,
                         const std::string& headers, const QueueSettings& settings) {
    const auto refuse = [](errc code, const std::string& message) { throw Error(code, "cannot publish: " + message); };
    if (payloads.size() > most_events_a_publish) {
        // How many it were is not known: who collects them for us stops at the first that is too many.
        refuse(errc::invalid_argument, "too many events in one call; at most " + std::to_string(most_events_a_publish) +
                                           " are published together");
    }
    if (options.key.size() > most_key_bytes) {
        refuse(errc::invalid_argument, "the key has " + std::to_string(options.key.size()) + " bytes; at most " +
                                           std::to_string(most_key_bytes) + " are allowed");
    }
    if (headers.size() > most_header_bytes) {
        refuse(errc::invalid_argument, "the headers have " + std::to_string(headers.size()) + " bytes; at most " +
                                           std::to_string(most_header_bytes) + " are allowed");
    }
    if (options.dedup_key.size() > most_key_bytes) {
        refuse(errc::invalid_argument, "the dedup_key has " + std::to_string(options.dedup_key.size()) +
                                           " bytes; at most " + std::to_string(most_key_bytes) + " are allowed");
    }
    if (options.dedup_window < milliseconds(0) || options.dedup_window > settings.event_ttl) {
        refuse(errc::invalid_argument, "dedup_window is " + std::to_string(options.dedup_window.count()) +
                                           " ms; it must be 0 to the queue's event_ttl, " +
                                           std::to_string(settings.event_ttl.count()) + " ms");
    }
    if (options.dedup_window > milliseconds(0) && options.dedup_key.empty()) {
        refuse(errc::invalid_argument, "there is a dedup_window but no dedup_key");
    }
    const auto most_payload_bytes = static_cast<std::size_t>(settings.max_payload_bytes);
    std::size_t bytes = 0;
    for (const auto& payload : payloads) {
        if (payload.size() > most_payload_bytes) {
            refuse(errc::payload_too_large, "the payload has " + std::to_string(payload.size()) + " bytes; at most " +
                                                std::to_string(most_payload_bytes) +
                                                " are allowed (the queue's max_payload_bytes)");
        }
        bytes += payload.size() + options.key.size() + headers.size();
    }
    if (bytes > most_bytes_a_publish) {
        refuse(errc::invalid_argument, "the events of one call have " + std::to_string(bytes) +
                                           " bytes together; at most " + std::to_string(most_bytes_a_publish) +
                                           " are published together");
    }
    return bytes;
}

}  // namespace eventy::detail
