#include "redis/keys.hpp"

namespace eventy::redis {

namespace {

std::string join(std::string_view prefix, std::string_view kind, std::string_view type) {
    std::string key;
    key.reserve(prefix.size() + kind.size() + type.size() + 3);
    return key.append(prefix).append(":").append(kind).append(":").append(type);
}

}  // namespace

Keys::Keys(const detail::QueueName& queue, bool hash_tagged) {
    const std::string type = hash_tagged ? '{' + queue.type + '}' : queue.type;
    const auto key = [&](std::string_view kind) { return join(queue.prefix, kind, type); };
    const auto start = [&](std::string_view kind) { return join(queue.prefix, kind, type) + ':'; };
    meta = key("meta");
    counter = key("counter");
    index = key("index");
    groups = key("groups");
    idle = key("idle");
    workers = key("workers");
    channel = key("channel");
    event_start = start("events");
    subscriber_start = start("subscribers");
    call_record_start = start("calls");
    leases_start = start("leases");
    held_start = start("held");
    delayed_start = start("delayed");
    open_start = start("open");
    dead_start = start("dead");
    wake_start = start("wake");
    dedup_start = start("dedup");
}

GroupKeys Keys::of_group(std::string_view group) const {
    const auto with_group = [group](const std::string& start) { return std::string(start).append(group); };
    return {with_group(leases_start), with_group(held_start), with_group(delayed_start),
            with_group(open_start),   with_group(dead_start), with_group(wake_start)};
}

std::string Keys::event(EventId id) const { return event_start + std::to_string(id); }

std::string_view Keys::type_of(std::string_view key) const {
    if (key == counter) {
        return "string";
    }
    if (key == idle) {
        return "set";
    }
    if (key.starts_with(wake_start)) {
        return "list";
    }
    for (const std::string* const hash : {&meta, &groups}) {
        if (key == *hash) {
            return "hash";
        }
    }
    for (const std::string* const start : {&held_start, &call_record_start, &event_start, &subscriber_start}) {
        if (key.starts_with(*start)) {
            return "hash";
        }
    }
    for (const std::string* const start : {&leases_start, &delayed_start, &open_start, &dead_start}) {
        if (key.starts_with(*start)) {
            return "zset";
        }
    }
    return key == index || key == workers ? "zset" : "";
}

std::string Keys::registry(std::string_view prefix) { return std::string(prefix) + ":queue_types"; }

}  // namespace eventy::redis
