// Hashes of events and subscribers, whatever somebody made of their fields, and replies of any shape.
#include <algorithm>
#include <eventy/detail/json_culprit.hpp>

#include "base/utf8.hpp"
#include "core/job.hpp"
#include "fuzz/payloads.hpp"
#include "fuzz/target.hpp"
#include "redis/record_codec.hpp"

namespace eventy::fuzz {
namespace {

using redis::Reply;

/// Fields are parted by 0x1E. One that begins with 0x01 is nil, with 0x02 an integer, with 0x03 an error, with 0x04 an
/// array.
Reply fields_of(std::string_view input) {
    Reply fields{.kind = Reply::Kind::array};
    for (const auto part : split(input, '\x1E')) {
        Reply field{.kind = Reply::Kind::text};
        const char mark = part.empty() ? 'x' : part[0];
        if (mark < '\x01' || mark > '\x04') {
            field.text = expanded(part);
        } else if (mark == '\x02') {
            field.kind = Reply::Kind::integer;
            field.integer = redis::to_int(part.substr(1));
        } else {
            field.kind = mark == '\x01' ? Reply::Kind::nil : mark == '\x03' ? Reply::Kind::error : Reply::Kind::array;
            field.items.resize(mark == '\x04' ? part.size() : 0);
        }
        fields.items.push_back(std::move(field));
    }
    return fields;
}

void require_kept(const Reply& fields, std::size_t i, const std::string& read) {
    require(read == (i < fields.items.size() ? fields.items[i].text : ""), "a text is taken as it is");
}

void check_event(std::string_view input) {
    const Reply fields = fields_of(input);
    const auto field = [&](std::size_t i) { return i < fields.items.size() ? fields.items[i].text : std::string(); };
    Reply used = fields;
    auto event = redis::read_event(7, field(0), field(1), used);
    require(event.id == 7 && event.unreadable == field(1), "what the script says of an event is taken as it is");
    require_kept(fields, 0, event.payload);
    require_kept(fields, 3, event.key);
    require(event.started_at.has_value() == event.finished_at.has_value(), "both times of a handler or none");
    require(event.started_at || event.processed_by.empty(), "a worker only with its times");
    require(event.failures.empty() || !field(7).empty(), "failures are those that the field says");

    const auto raw = detail::to_raw_event(event);
    require(raw.event.payload == event.payload, "the event has its payload");
    const auto text = detail::headers_to_text(raw.event.headers);
    auto again = event;
    again.headers = text;
    require(detail::to_raw_event(again).event.headers == raw.event.headers, "headers read as they were written");
    decode_order(raw.event.payload, Format::json);
}

void check_errors(const std::string& text) {
    const auto kept = detail::error_text(text);
    require(kept.size() <= 4096, "errors are kept up to 4,096 bytes");
    require(detail::is_utf8(kept), "as UTF-8");
    require(detail::error_text(kept) == kept, "which is not shortened again");
    require(kept == text || text.size() > 4096 || !detail::is_utf8(text), "a short UTF-8 text is kept as it is");
    require(text.starts_with(kept) || !detail::is_utf8(text), "a long one is only cut");
}

}  // namespace
}  // namespace eventy::fuzz

EVENTY_FUZZ_TARGET(event) {
    check_event(input);
    check_errors(expanded(input));

    Reply fields = fields_of(input);
    const auto taken = redis::leased_event("12", 3, fields);
    require(taken.id == 12 && taken.attempt == 3 && taken.status == EventStatus::processing, "as the take says");
    fields = fields_of(input);
    const auto info = redis::subscriber(fields);
    require_kept(fields_of(input), 0, info.id);
    require(redis::to_us(redis::from_us(info.pid)) == info.pid, "times read as they were written");
}
