#include "model/redis_keys.hpp"

#include <algorithm>

#include "redis/scripts.hpp"

namespace eventy::test {

namespace {

std::map<EventId, std::int64_t> scores(const RedisValue& flat) {
    std::map<EventId, std::int64_t> scores;
    for (std::size_t i = 0; i + 1 < flat.items.size(); i += 2) {
        scores[std::stoll(flat.items[i].text)] = std::stoll(flat.items[i + 1].text);
    }
    return scores;
}

std::set<EventId> ids(const RedisValue& flat, std::size_t step) {
    std::set<EventId> ids;
    for (std::size_t i = 0; i < flat.items.size(); i += step) {
        ids.insert(std::stoll(flat.items[i].text));
    }
    return ids;
}

const char* words(Place place) {
    switch (place) {
        case Place::beyond_cursor: return "beyond the cursor";
        case Place::leased: return "leased";
        case Place::delayed: return "delayed";
        case Place::dead: return "dead";
        case Place::done: return "done";
        case Place::gone: return "gone";
    }
    return "";
}

}  // namespace

/// What is read after a call is sent right behind it. A script that Redis does not know is sent a second time, and
/// would come after that.
RedisKeys::RedisKeys() {
    using namespace redis::scripts;
    for (const redis::Script* const script : {&publish, &take, &settle, &renew, &progress, &retry, &discard}) {
        server_.must({"SCRIPT", "LOAD", std::string(script->text)});
    }
}

void RedisKeys::begin(const QueueName& name) {
    name_ = name;
    keys_ = redis::Keys(name);
    server_.must({"FLUSHALL"});
}

void RedisKeys::set_time(std::int64_t us) { server_.must({"SET", "model:now", std::to_string(us)}); }

RedisValue RedisKeys::run(const redis::Script& script, const std::vector<std::string>& keys,
                          const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {"EVALSHA", std::string(script.sha), std::to_string(keys.size())};
    command.insert(command.end(), keys.begin(), keys.end());
    command.insert(command.end(), arguments.begin(), arguments.end());
    RedisValue reply = server_.command(command);
    if (reply.is_error() && reply.text.starts_with("NOSCRIPT")) {
        command[0] = "EVAL";
        command[1] = std::string(script.text);
        return server_.must(command);
    }
    return reply.is_error() ? server_.must(command) : reply;
}

void RedisKeys::sweep() {
    run(redis::scripts::sweep, {keys_.meta, keys_.index, keys_.groups, keys_.counter},
        {keys_.event_start, keys_.dead_start, keys_.open_start, keys_.delayed_start, keys_.held_start, "100"});
}

RedisKeys::Contents RedisKeys::look() {
    const RedisValue reply = run(redis::scripts::look, {keys_.counter, keys_.groups, keys_.index, keys_.meta},
                                 {keys_.leases_start, keys_.held_start, keys_.delayed_start, keys_.open_start,
                                  keys_.dead_start, keys_.wake_start});
    Contents contents;
    contents.counter = reply.items.at(0).is_nil() ? 0 : std::stoll(reply.items[0].text);
    contents.index = ids(reply.items.at(2), 1);
    contents.keys = reply.items.at(3).texts();
    contents.indexed = reply.items.at(5).is_nil() ? 0 : std::stoll(reply.items[5].text);
    contents.reindexing = reply.items.at(6).integer == 1;
    for (const RedisValue& from : reply.items.at(4).items) {
        const std::string& name = from.items.at(0).text;
        Group& group = contents.groups[name];
        group.cursor = std::stoll(reply.items.at(1).field(name));
        group.leases = scores(from.items.at(1));
        for (std::size_t i = 0; i + 1 < from.items.at(2).items.size(); i += 2) {
            group.held[std::stoll(from.items[2].items[i].text)] = from.items[2].items[i + 1].text;
        }
        group.delayed = scores(from.items.at(3));
        group.open = ids(from.items.at(4), 2);
        group.dead = ids(from.items.at(5), 2);
        group.markers = from.items.at(6).integer;
    }
    return contents;
}

bool RedisKeys::clean(const Contents& contents, const Model& model) {
    const auto gone = [&](EventId id) { return !model.exists(id); };
    return std::none_of(contents.index.begin(), contents.index.end(), gone) &&
           std::all_of(contents.groups.begin(), contents.groups.end(), [&](const auto& entry) {
               const Group& group = entry.second;
               return std::none_of(group.delayed.begin(), group.delayed.end(),
                                   [&](const auto& one) { return gone(one.first); }) &&
                      std::none_of(group.open.begin(), group.open.end(), gone) &&
                      std::none_of(group.dead.begin(), group.dead.end(), gone);
           });
}

std::string RedisKeys::disagreement(const Contents& contents, const Model& model, int max_lost_leases) const {
    if (contents.counter != model.last_id()) {
        return "the counter says " + std::to_string(contents.counter);
    }
    for (EventId id = 1; id <= model.last_id(); ++id) {
        if (model.exists(id) && !contents.index.contains(id)) {
            return "#" + std::to_string(id) + " is not in the index";
        }
    }
    if (contents.indexed != static_cast<std::int64_t>(contents.index.size()) || contents.reindexing) {
        return "the index has " + std::to_string(contents.index.size()) + " entries, but should have " +
               std::to_string(contents.indexed);
    }
    for (const std::string& entry : contents.keys) {
        const std::string key = entry.substr(0, entry.find(' '));
        const bool expires = entry.find(" -1 ") == std::string::npos;
        if (key.starts_with("model:") || key == redis::Keys::registry(name_.prefix)) {
            continue;
        }
        const bool is_event = key.starts_with(keys_.event_start);
        if (expires != (is_event || key.starts_with(keys_.call_record_start))) {
            return "the key " + key + (expires ? " has a TTL" : " has no TTL");
        }
        if (is_event && !model.exists(std::stoll(key.substr(keys_.event_start.size())))) {
            return "the key " + key + " is still or again there";
        }
        if (keys_.type_of(key) != entry.substr(entry.rfind(' ') + 1)) {
            return "the key " + key + " is nobody's";
        }
    }
    const bool is_clean = clean(contents, model);
    for (const std::string& name : model.groups()) {
        const auto found = contents.groups.find(name);
        if (found == contents.groups.end()) {
            return "there is no group " + name;
        }
        std::string wrong = group_disagreement(name, found->second, model, is_clean);
        if (wrong.empty() && found->second.markers > 1) {
            wrong = "there are " + std::to_string(found->second.markers) + " wake-up markers";
        }
        // Nobody takes markers out here, so each one that was owed has to be there still.
        if (wrong.empty() && found->second.markers == 0 && model.owed_a_wake(name, max_lost_leases)) {
            wrong = "there is something to take, but no marker for those who sleep";
        }
        if (!wrong.empty()) {
            return "group " + name + ": " + wrong;
        }
    }
    return {};
}

std::string RedisKeys::group_disagreement(const std::string& name, const Group& group, const Model& model,
                                          bool clean) const {
    if (group.cursor != model.cursor(name)) {
        return "its cursor is " + std::to_string(group.cursor) + " instead of " + std::to_string(model.cursor(name));
    }
    for (EventId id = 1; id <= model.last_id(); ++id) {
        const std::string event = "#" + std::to_string(id);
        const Standing& standing = model.standing(name, id);
        std::vector<Place> places;
        if (group.leases.contains(id)) {
            places.push_back(Place::leased);
        }
        if (group.delayed.contains(id) && (model.exists(id) || clean)) {
            places.push_back(Place::delayed);
        }
        if (group.dead.contains(id) && (model.exists(id) || clean)) {
            places.push_back(Place::dead);
        }
        if (places.empty()) {
            places.push_back(id > group.cursor && model.exists(id)                ? Place::beyond_cursor
                             : standing.place == Place::gone || !model.exists(id) ? standing.place
                                                                                  : Place::done);
        }
        if (!model.exists(id) && standing.place == Place::dead) {
            continue;  // not in the set any more, or not yet out of it
        }
        if (places.size() > 1) {
            return event + " is " + words(places[0]) + " and " + words(places[1]);
        }
        if (places[0] != standing.place) {
            return event + " is " + words(places[0]) + " instead of " + words(standing.place);
        }
        if (model.exists(id) && group.open.contains(id) != (standing.place == Place::delayed)) {
            return event + " is " + words(standing.place) + (group.open.contains(id) ? ", but" : ", but not") +
                   " in open";
        }
        const auto held = group.held.find(id);
        const bool has_history = standing.place == Place::delayed && (standing.lost > 0 || standing.attempt > 1);
        if (standing.place == Place::leased || has_history) {
            const std::string wanted = std::to_string(standing.place == Place::leased ? standing.epoch : 0) + ' ' +
                                       std::to_string(standing.attempt) + ' ' + std::to_string(standing.lost) + ' ';
            if (held == group.held.end() || !held->second.starts_with(wanted)) {
                return event + " is held as '" + (held == group.held.end() ? "" : held->second) + "' instead of '" +
                       wanted + "...'";
            }
        } else if (held != group.held.end() && model.exists(id)) {
            return event + " is " + words(standing.place) + ", but held as '" + held->second + "'";
        }
    }
    return {};
}

}  // namespace eventy::test
