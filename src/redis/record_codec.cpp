#include "redis/record_codec.hpp"

#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

namespace eventy::redis {

namespace {

std::string take_text(Reply& fields, std::size_t i) {
    return i < fields.items.size() ? std::move(fields.items[i].text) : std::string();
}

Timestamp time_of(Reply& fields, std::size_t i) {
    return i < fields.items.size() ? parse_timestamp(fields.items[i].text).value_or(Timestamp()) : Timestamp();
}

/// "start_us end_us group worker attempt"
void read_handled(std::string_view text, detail::StoredEvent& event) {
    std::string_view words[4];
    for (std::string_view& word : words) {
        const std::size_t space = text.find(' ');
        if (space == std::string_view::npos) {
            return;
        }
        word = text.substr(0, space);
        text.remove_prefix(space + 1);
    }
    event.attempt = static_cast<int>(to_int(text));
    event.started_at = from_us(to_int(words[0]));
    event.finished_at = from_us(to_int(words[1]));
    event.processed_by = std::string(words[3]);
}

/// The field `failures`; whatever somebody may have made of it hides nothing else.
void read_failures(const std::string& text, detail::StoredEvent& event) {
    if (text.empty()) {
        return;
    }
    const auto list = nlohmann::json::parse(text, nullptr, false);
    const auto word = [](const nlohmann::json& entry, const char* name) {
        const auto found = entry.find(name);
        return found != entry.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    // Iterated as it is: a copy recurses as deep as the value, and this text may be anybody's.
    for (auto item = list.begin(); list.is_array() && item != list.end(); ++item) {
        const auto& entry = *item;
        if (!entry.is_object()) {
            continue;
        }
        const auto attempt = entry.find("attempt");
        FailedAttempt failed;
        failed.attempt = attempt != entry.end() && attempt->is_number_integer() ? attempt->get<int>() : 0;
        failed.at = parse_timestamp(word(entry, "at")).value_or(Timestamp());
        failed.group = word(entry, "group");
        failed.worker_id = word(entry, "worker");
        failed.error = word(entry, "error");
        event.failures.push_back(std::move(failed));
    }
    // Settled since, the event knows better.
    if (event.attempt == 0 && !event.failures.empty()) {
        event.attempt = event.failures.back().attempt;
    }
}

}  // namespace

detail::StoredEvent leased_event(const std::string& id, std::int64_t attempt, Reply& fields) {
    detail::StoredEvent event;
    event.id = to_int(id);
    event.status = EventStatus::processing;
    event.attempt = static_cast<int>(attempt);
    event.payload = take_text(fields, 0);
    event.created_at = time_of(fields, 1);
    event.worker_id = take_text(fields, 2);
    event.key = take_text(fields, 3);
    event.headers = take_text(fields, 4);
    event.last_error = take_text(fields, 5);
    return event;
}

detail::StoredEvent read_event(EventId id, const std::string& status, std::string unreadable, Reply& fields) {
    detail::StoredEvent event = leased_event({}, 0, fields);
    event.id = id;
    event.status = parse_event_status(status).value_or(EventStatus::pending);
    if (event.status == EventStatus::processed) {
        event.last_error.clear();  // of an attempt before the last one
    }
    read_handled(take_text(fields, 6), event);
    read_failures(take_text(fields, 7), event);
    event.unreadable = std::move(unreadable);
    return event;
}

SubscriberInfo subscriber(Reply& fields) {
    SubscriberInfo info;
    info.id = take_text(fields, 0);
    info.event_type = take_text(fields, 1);
    info.group = take_text(fields, 2);
    info.worker_id = take_text(fields, 3);
    info.host = take_text(fields, 4);
    info.pid = to_int(take_text(fields, 5));
    info.created_at = time_of(fields, 6);
    return info;
}

std::optional<EventNotice> notice(std::string_view json) {
    const auto parsed = nlohmann::json::parse(json, nullptr, false);
    if (!parsed.is_object()) {
        return std::nullopt;
    }
    const auto id = parsed.find("event_id"), status = parsed.find("status"), worker = parsed.find("worker_id");
    constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<EventId>::max());
    const bool is_id = id != parsed.end() && id->is_number_integer() &&
                       (!id->is_number_unsigned() || id->get<std::uint64_t>() <= largest);
    if (!is_id || status == parsed.end() || !status->is_string()) {
        return std::nullopt;
    }
    const auto known = parse_event_status(status->get_ref<const std::string&>());
    if (!known) {
        return std::nullopt;
    }
    const bool has_worker = worker != parsed.end() && worker->is_string();
    return EventNotice{id->get<EventId>(), *known, has_worker ? worker->get<std::string>() : std::string()};
}

std::int64_t to_int(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

std::int64_t to_int(const Reply& reply) {
    return reply.kind == Reply::Kind::integer ? reply.integer : to_int(reply.text);
}

std::int64_t to_us(Timestamp time) { return (time - Timestamp()).count(); }

Timestamp from_us(std::int64_t us) { return Timestamp() + std::chrono::microseconds(us); }

}  // namespace eventy::redis
