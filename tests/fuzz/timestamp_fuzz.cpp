// Times and the words of statuses.
#include <cstring>
#include <eventy/status.hpp>
#include <eventy/timestamp.hpp>

#include "fuzz/target.hpp"

EVENTY_FUZZ_TARGET(timestamp) {
    const auto require_round_trip = [](Timestamp t) {
        const auto text = to_string(t);
        require(parse_timestamp(text) == t, "a time reads as it was written: " + text);
        require(text.ends_with("+00:00") && text.size() <= 35, "always in the same form: " + text);
    };
    if (const auto t = parse_timestamp(input)) {
        require_round_trip(*t);
        require(input.size() >= 19, "a time has at least its seconds");
    }
    if (const auto status = parse_event_status(input)) {
        require(parse_event_status(to_string(*status)) == status, "a status reads as it was written");
        require(to_string(*status).size() == input.size(), "a status is one word");
    }
    std::int64_t us = 0;
    std::memcpy(&us, input.data(), std::min(input.size(), sizeof us));
    require_round_trip(Timestamp::time_point(std::chrono::microseconds(us)));
}
