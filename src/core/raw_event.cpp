#include <nlohmann/json.hpp>

#include "core/job.hpp"

namespace eventy::detail {

namespace {

// Headers that someone edited into something else hide nothing of the event: what is no string is left out.
std::map<std::string, std::string> headers_from_text(const std::string& text) {
    std::map<std::string, std::string> headers;
    if (text.empty()) {
        return headers;
    }
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (json.is_object()) {
        for (const auto& [name, value] : json.items()) {
            if (value.is_string()) {
                headers.emplace(name, value.get<std::string>());
            }
        }
    }
    return headers;
}

}  // namespace

std::string headers_to_text(const std::map<std::string, std::string>& headers) {
    if (headers.empty()) {
        return {};
    }
    try {
        return nlohmann::json(headers).dump();
    } catch (const nlohmann::json::exception&) {
        throw Error(errc::invalid_argument, "a header's name or value is not valid UTF-8");
    }
}

RawEvent to_raw_event(StoredEvent stored) {
    return {QueueEvent<std::string>{
                stored.id, std::move(stored.payload), stored.status, stored.created_at, std::move(stored.worker_id),
                stored.attempt, std::move(stored.key), headers_from_text(stored.headers), std::move(stored.last_error),
                std::move(stored.processed_by), stored.started_at, stored.finished_at, std::move(stored.failures)},
            std::move(stored.unreadable)};
}

}  // namespace eventy::detail
