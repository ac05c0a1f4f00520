// Messages of the channel.
#include <nlohmann/json.hpp>

#include "fuzz/target.hpp"
#include "redis/record_codec.hpp"

EVENTY_FUZZ_TARGET(notice) {
    const auto text = expanded(input);
    const auto notice = redis::notice(text);
    if (!notice) {
        return;
    }
    const auto message = nlohmann::json::parse(text);
    require(message["event_id"].dump() == std::to_string(notice->event_id), "the id is the one that was sent");
    const nlohmann::json written = {
        {"event_id", notice->event_id}, {"status", to_string(notice->status)}, {"worker_id", notice->worker_id}};
    const auto again = redis::notice(written.dump());
    require(again && again->event_id == notice->event_id && again->status == notice->status &&
                again->worker_id == notice->worker_id,
            "a notice reads as it was written");
}
