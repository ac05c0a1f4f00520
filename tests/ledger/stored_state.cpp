#include "ledger/stored_state.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "ledger/terms.hpp"

namespace eventy::ledger {

namespace {

std::string of_type(const Place& place, const std::string& kind) {
    return std::string(key_prefix) + ':' + kind + ':' + place.type;
}

std::string of_group(const Place& place, const std::string& kind) { return of_type(place, kind) + ':' + place.group; }

std::int64_t whole_or_0(const std::string& text) { return text.empty() ? 0 : std::stoll(text); }

std::set<std::int64_t> numbers(const test::RedisValue& reply) {
    std::set<std::int64_t> all;
    for (const auto& text : reply.texts()) {
        all.insert(std::stoll(text));
    }
    return all;
}

struct Sets {
    std::set<std::int64_t> leases, delayed, open, dead, held, index;
    std::map<std::int64_t, std::string> held_texts;
};

Sets read_sets(test::RedisServer& redis, const Place& place) {
    const auto range = [&](const std::string& name) { return numbers(redis.must({"ZRANGE", name, "0", "-1"})); };
    Sets sets{.leases = range(of_group(place, "leases")),
              .delayed = range(of_group(place, "delayed")),
              .open = range(of_group(place, "open")),
              .dead = range(of_group(place, "dead")),
              .held = {},
              .index = range(of_type(place, "index")),
              .held_texts = {}};
    const auto held = redis.must({"HGETALL", of_group(place, "held")});
    for (std::size_t i = 0; i + 1 < held.items.size(); i += 2) {
        const auto id = std::stoll(held.items[i].text);
        sets.held.insert(id);
        sets.held_texts[id] = held.items[i + 1].text;
    }
    return sets;
}

void read_failures(const std::string& text, const std::string& group, StoredEvent& event) {
    const auto list = nlohmann::json::parse(text, nullptr, false);
    for (const auto& failure : list.is_array() ? list : nlohmann::json::array()) {
        const auto at = parse_timestamp(failure.value("at", ""));
        if (failure.value("group", "") == group && at) {
            event.failures.push_back({.at = (*at - Timestamp()).count(),
                                      .lost_lease = failure.value("error", "") == "its lease was lost",
                                      .worker = failure.value("worker", "")});
        }
    }
}

/// The fields in this order.
constexpr std::array<const char*, 5> fields_of_an_event = {"payload", "status", "error", "failures", "created_at"};

StoredEvent read_hash(const std::vector<std::string>& fields, const std::string& group) {
    StoredEvent event{.status = fields[1], .error = fields[2]};
    const auto created = parse_timestamp(fields[4]);
    event.created = created ? (*created - Timestamp()).count() : 0;
    const auto payload = nlohmann::json::parse(fields[0], nullptr, false);
    if (payload.is_object()) {
        event.token = payload.value("token", "");
    }
    read_failures(fields[3], group, event);
    return event;
}

void find_places(std::int64_t id, std::int64_t cursor, const Sets& sets, StoredEvent& event) {
    const auto in = [&](const std::set<std::int64_t>& set, const char* name) {
        if (set.contains(id)) {
            event.places.emplace_back(name);
        }
    };
    if (id > cursor) {
        event.places.emplace_back("beyond");
    }
    in(sets.leases, "leased");
    in(sets.delayed, "delayed");
    in(sets.dead, "dead");
    const bool processed = !event.settles.empty() && event.settles.back().status == "PROCESSED";
    if (event.places.empty() && processed) {
        event.places.emplace_back("done");
    }
    if (!sets.index.contains(id)) {
        event.flaw = "it is not in the index";
    } else if (sets.leases.contains(id) != (sets.held.contains(id) && !sets.held_texts.at(id).starts_with("0 "))) {
        event.flaw = "leases and held do not agree";
    } else if (sets.delayed.contains(id) != sets.open.contains(id)) {
        event.flaw = "delayed and open do not agree";
    } else if (processed && event.places != std::vector<std::string>{"done"}) {
        event.flaw = "it was processed, and is " + event.places[0];
    } else if (event.status == "PENDING" && (processed || sets.dead.contains(id))) {
        event.flaw = "its status is PENDING, though this group has ended it";
    }
}

void add_history(const EventHistory* history, const std::string& group, StoredEvent& event) {
    if (history == nullptr) {
        return;
    }
    event.retries = history->retries;
    if (const auto own = history->groups.find(group); own != history->groups.end()) {
        event.settles = own->second.settles;
        event.before = own->second.before;
    }
}

/// `now`: of Redis's clock.
StoredEvent read_vanished(const EventHistory& history, const std::string& group, Micros now) {
    std::vector<std::string> fields;
    for (const auto* name : fields_of_an_event) {
        const auto found = history.fields.find(name);
        fields.push_back(found == history.fields.end() ? "" : found->second);
    }
    auto event = read_hash(fields, group);
    add_history(&history, group, event);
    event.vanished = history.vanished.value_or(Vanished{.last_epoch = INT64_MAX});
    event.vanished->by = std::min(event.vanished->by, now);
    const auto own = history.groups.find(group);
    const bool processed = !event.settles.empty() && event.settles.back().status == "PROCESSED";
    event.places.emplace_back(processed                                         ? "done"
                              : own != history.groups.end() && own->second.dead ? "dead"
                                                                                : "expired");
    return event;
}

void find_leftovers(std::int64_t id, const Sets& sets, StoredState& state) {
    const auto look = [&](const std::set<std::int64_t>& set, const char* name) {
        if (set.contains(id)) {
            state.leftovers.emplace_back(id, name);
        }
    };
    look(sets.index, "index");
    look(sets.leases, "leases");
    look(sets.held, "held");
    look(sets.delayed, "delayed");
    look(sets.open, "open");
    look(sets.dead, "dead");
}

Micros time_of(test::RedisServer& redis) {
    const auto time = redis.must({"TIME"}).texts();
    return std::stoll(time.at(0)) * second + std::stoll(time.at(1));
}

constexpr const char* misplaced_script = R"(
local leases, delayed, dead, held, groups = unpack(KEYS)
local cursor = tonumber(string.match(redis.call('HGET', groups, ARGV[3]) or '0', '^%d+'))
local found = {}
local function say(id, words) found[#found + 1] = id .. ' ' .. words end
-- Then the status is PENDING again, though this group may have processed it.
local function retried_elsewhere(id)
  if redis.call('HEXISTS', ARGV[2] .. id, 'error') == 0 then return false end
  for i = 4, #ARGV do
    local of = redis.call('HGET', groups, ARGV[i])
    if of and tonumber(id) > tonumber(string.match(of, '^%d+')) or redis.call('ZSCORE', KEYS[2 * i - 2], id) or
       redis.call('ZSCORE', KEYS[2 * i - 1], id) then
      return true
    end
  end
  return false
end
for _, id in ipairs(redis.call('ZRANGE', leases, 0, -1)) do
  if redis.call('ZSCORE', delayed, id) then say(id, 'leased and delayed') end
  if redis.call('ZSCORE', dead, id) then say(id, 'leased and dead') end
  if tonumber(id) > cursor then say(id, 'leased and beyond the cursor') end
  local text = redis.call('HGET', held, id)
  if not text or string.sub(text, 1, 2) == '0 ' then say(id, 'leased and held by nobody') end
end
for _, id in ipairs(redis.call('ZRANGE', delayed, 0, -1)) do
  if redis.call('ZSCORE', dead, id) then say(id, 'delayed and dead') end
  if tonumber(id) > cursor then say(id, 'delayed and beyond the cursor') end
end
for number = math.max(1, cursor - tonumber(ARGV[1]) + 1), cursor do
  local id = string.format('%.0f', number)
  if redis.call('HGET', ARGV[2] .. id, 'status') == 'PENDING' and not redis.call('ZSCORE', leases, id) and
     not redis.call('ZSCORE', delayed, id) and not redis.call('ZSCORE', dead, id) and not retried_elsewhere(id) then
    say(id, 'in no state')
  end
end
return found
)";

}  // namespace

StoredState read_stored_state(test::RedisServer& redis, const Histories& histories, const Place& place) {
    StoredState state;
    const auto counter = redis.must({"GET", of_type(place, "counter")}).text;
    state.last_id = whole_or_0(counter);
    const auto group = redis.must({"HGET", of_type(place, "groups"), place.group}).text;
    state.cursor = group.empty() ? 0 : std::stoll(group);
    state.expired = whole_or_0(redis.must({"HGET", of_type(place, "groups"), place.group + ":expired"}).text);
    const Sets sets = read_sets(redis, place);
    const Micros now = time_of(redis);
    for (std::int64_t id = 1; id <= state.last_id; ++id) {
        const std::string name = of_type(place, "events") + ':' + std::to_string(id);
        std::vector<std::string> call = {"HMGET", name};
        call.insert(call.end(), fields_of_an_event.begin(), fields_of_an_event.end());
        const auto fields = redis.must(call).texts();
        const auto found = histories.find(name);
        const EventHistory* const history = found == histories.end() ? nullptr : &found->second;
        if (!fields[0].empty()) {
            auto event = read_hash(fields, place.group);
            add_history(history, place.group, event);
            find_places(id, state.cursor, sets, event);
            state.events.emplace(id, std::move(event));
        } else {
            find_leftovers(id, sets, state);
            if (history != nullptr && history->fields.contains("payload")) {
                state.events.emplace(id, read_vanished(*history, place.group, now));
            }
        }
    }
    return state;
}

bool is_swept(test::RedisServer& redis) {
    const Sets sets = read_sets(redis, {"", std::string(Flash::event_name), std::string(default_group)});
    const auto all = {&sets.index, &sets.leases, &sets.held, &sets.delayed, &sets.open, &sets.dead};
    return std::all_of(all.begin(), all.end(), [](const auto* set) { return set->empty(); });
}

std::vector<std::pair<std::int64_t, std::string>> look_for_misplaced(test::RedisServer& redis, const Place& place,
                                                                     int depth) {
    std::vector<std::string> keys = {of_group(place, "leases"), of_group(place, "delayed"), of_group(place, "dead"),
                                     of_group(place, "held"), of_type(place, "groups")};
    std::vector<std::string> arguments = {std::to_string(depth), of_type(place, "events") + ':', place.group};
    for (const auto& other : groups) {
        if (other.type == place.type && other.group != place.group) {
            const Place its{place.server, place.type, std::string(other.group)};
            keys.insert(keys.end(), {of_group(its, "leases"), of_group(its, "delayed")});
            arguments.push_back(its.group);
        }
    }
    std::vector<std::string> call = {"EVAL", misplaced_script, std::to_string(keys.size())};
    call.insert(call.end(), keys.begin(), keys.end());
    call.insert(call.end(), arguments.begin(), arguments.end());
    const auto found = redis.must(call);
    std::vector<std::pair<std::int64_t, std::string>> all;
    for (const auto& text : found.texts()) {
        const auto space = text.find(' ');
        all.emplace_back(std::stoll(text.substr(0, space)), text.substr(space + 1));
    }
    return all;
}

}  // namespace eventy::ledger
