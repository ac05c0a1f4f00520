#include "redis_client/scripted_redis.hpp"

#include <algorithm>
#include <numeric>

#include "redis/scripts.hpp"

namespace eventy::redis::test {

namespace {

constexpr std::string_view generation = "gen-1";

std::string number(std::int64_t value) { return ":" + std::to_string(value) + "\r\n"; }
std::string array(const Words& items) {
    std::string bytes = "*" + std::to_string(items.size()) + "\r\n";
    return std::accumulate(items.begin(), items.end(), std::move(bytes));
}
std::string event(const std::string& payload) {
    return array({bulk(payload), bulk("2018-02-07T01:26:41.030000+00:00"), bulk("w"), bulk(""), bulk(""), bulk("")});
}

std::string name_of(const std::string& sha_or_text) {
    for (const Script& script : {scripts::publish, scripts::take, scripts::settle, scripts::retire, scripts::get,
                                 scripts::sweep, scripts::push_back, scripts::retry, scripts::discard}) {
        if (sha_or_text == script.sha || sha_or_text == script.text) {
            return std::string(script.name);
        }
    }
    return {};
}

/// Instead of a reply.
std::string_view words_of(Trouble trouble) {
    switch (trouble) {
        case Trouble::loading: return "-LOADING Redis is loading the dataset in memory\r\n";
        case Trouble::error: return "-ERR something went wrong\r\n";
        case Trouble::garbage: return "?garbage\r\n";
        case Trouble::another_shape: return "+WHAT\r\n";
        default: return {};
    }
}

}  // namespace

std::string to_string(Trouble trouble) {
    switch (trouble) {
        case Trouble::none: return "none";
        case Trouble::cut: return "cut";
        case Trouble::reset: return "reset";
        case Trouble::silence: return "silence";
        case Trouble::silence_then_cut: return "silence_then_cut";
        case Trouble::loading: return "loading";
        case Trouble::error: return "error";
        case Trouble::garbage: return "garbage";
        case Trouble::another_shape: return "another_shape";
    }
    return "?";
}

ScriptedRedis::ScriptedRedis(int trouble_at, Trouble trouble)
    : trouble_at_(trouble_at), trouble_(trouble), peer_([this](Session& session) { tell(session); }) {}

std::vector<std::string> ScriptedRedis::published() {
    const std::lock_guard lock(mutex_);
    return published_;
}

std::vector<int> ScriptedRedis::taken() {
    const std::lock_guard lock(mutex_);
    return taken_;
}

std::vector<int> ScriptedRedis::settled() {
    const std::lock_guard lock(mutex_);
    return settled_;
}

std::size_t ScriptedRedis::changed_by_hand() {
    const std::lock_guard lock(mutex_);
    return changed_by_hand_.size();
}

std::string ScriptedRedis::story() {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (std::size_t i = 0; i < story_.size(); ++i) {
        text += std::to_string(i) + " " + story_[i] + "\n";
    }
    return text;
}

// -- steps -----------------------------------------------------------------------------------------------------------

bool ScriptedRedis::step(Session& session, const std::string& what) {
    bool now = false;
    {
        const std::lock_guard lock(mutex_);
        now = steps_++ == trouble_at_;
        story_.push_back("connection " + std::to_string(session.number()) + ": " + what);
    }
    if (!now) {
        return false;
    }
    troubled_ = true;
    meet();
    switch (trouble_) {
        case Trouble::none: return false;
        case Trouble::cut: throw Stop{};
        case Trouble::reset: session.reset(); throw Stop{};
        case Trouble::silence: session.wait_for_hang_up(); throw Stop{};
        case Trouble::silence_then_cut: session.wait_for_hang_up(std::chrono::milliseconds(30)); throw Stop{};
        default: return true;
    }
}

void ScriptedRedis::tell(Session& session) {
    try {
        if (step(session, "accepted")) {
            session.write(words_of(trouble_));
            return;  // whatever it is, it answers nothing
        }
        while (const auto command = session.command()) {
            const std::string what = command->front() + (command->size() == 2 ? " " + command->at(1) : "");
            if (step(session, "has read " + what)) {
                session.write(words_of(trouble_));
                continue;
            }
            const std::string reply = answer(*command, session);
            const std::size_t half = reply.size() / 2;
            if (step(session, "has done " + what) && trouble_ != Trouble::error) {
                session.write(words_of(trouble_));
                continue;
            }
            session.write(std::string_view(reply).substr(0, half));
            (void)step(session, "is within the reply to " + what);
            session.write(std::string_view(reply).substr(half));
        }
    } catch (Stop) {
    }
}

// -- commands --------------------------------------------------------------------------------------------------------

std::string ScriptedRedis::answer(const Words& command, Session& session) {
    if (command[0] == "EVALSHA" || command[0] == "EVAL") {
        return run_script(name_of(command.at(1)), command);
    }
    if (command[0] == "BLPOP") {
        return pop_marker(session) ? bulks({command.at(1), "1"}) : std::string();
    }
    if (command[0] == "SUBSCRIBE") {
        const std::string notice = R"({"event_id": 1, "status": "PENDING", "worker_id": "w"})";
        return "*3\r\n" + bulk("subscribe") + bulk(command.at(1)) + ":1\r\n" +
               bulks({"message", command.at(1), notice});
    }
    if (command[0] == "CLIENT" && command.at(1) == "UNBLOCK") {
        return number(0);
    }
    return healthy_answer(command, session.number());
}

/// False: the client hung up.
bool ScriptedRedis::pop_marker(Session& session) {
    std::unique_lock lock(mutex_);
    while (!marked_.wait_for(lock, std::chrono::milliseconds(5), [&] { return markers_ > 0; })) {
        if (session.hung_up()) {
            return false;
        }
    }
    --markers_;
    return true;
}

std::string ScriptedRedis::run_script(const std::string& name, const Words& command) {
    const auto keys = static_cast<std::size_t>(std::stoi(command.at(2)));
    const Words arguments(command.begin() + 3 + static_cast<std::ptrdiff_t>(keys), command.end());
    const std::lock_guard lock(mutex_);
    if (name == "publish") {
        return publish(command.at(8), arguments);
    }
    if (name == "take") {
        return take(command.at(8), arguments);
    }
    if (name == "settle") {
        return settle(command.at(7), arguments);
    }
    if (name == "discard") {
        return change_by_hand(command.at(6), arguments, "discard", arguments.at(14));
    }
    if (name == "retry") {
        return change_by_hand(command.at(7), arguments, "retry", arguments.at(12));
    }
    if (name == "retire") {
        return retire(command.at(3), arguments);
    }
    if (name == "get") {
        return get_events(arguments);
    }
    return array({bulk(generation), number(0), number(0), number(0)});
}

ScriptedRedis::Call ScriptedRedis::recall(const std::string& record, const Words& arguments) {
    const auto number = std::stoull(arguments.at(0)), base = std::stoull(arguments.at(1));
    const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()).time_since_epoch();
    if (std::stoll(arguments.at(3)) < now.count()) {
        return {"LATE", {}, now.count()};
    }
    Record& saved = records_[record];
    if (number <= saved.last) {
        const auto outcome = saved.outcomes.find(number);
        return outcome == saved.outcomes.end() ? Call{"STALE"} : Call{"AGAIN", outcome->second};
    }
    return {number == std::max<std::uint64_t>(saved.last + 1, base) ? "OK" : "GAP"};
}

void ScriptedRedis::remember(const std::string& record, const Words& arguments, std::string outcome) {
    Record& saved = records_[record];
    saved.last = std::stoull(arguments.at(0));
    saved.outcomes[saved.last] = std::move(outcome);
}

/// The beginning of all replies to numbered calls, and what follows it where the call was applied.
std::string ScriptedRedis::numbered(const Call& call, Words rest) {
    Words items{bulk(call.state), bulk(generation), number(static_cast<std::int64_t>(published_.size())), number(0)};
    if (call.state == "OK" || call.state == "AGAIN") {
        items.insert(items.end(), rest.begin(), rest.end());
    } else if (call.state == "LATE") {
        items.push_back(bulk(std::to_string(call.time)));
    }
    return array(items);
}

std::string ScriptedRedis::publish(const std::string& record, const Words& arguments) {
    Call call = recall(record, arguments);
    if (call.state == "OK") {
        published_.push_back(arguments.back());
        ++markers_;
        marked_.notify_all();
        call.outcome = std::to_string(published_.size());
        remember(record, arguments, call.outcome + " 1");
    }
    return numbered(call, {number(call.outcome.empty() ? 0 : std::stoi(call.outcome)), number(1)});
}

std::string ScriptedRedis::take(const std::string& record, const Words& arguments) {
    Call call = recall(record, arguments);
    if (call.state == "OK") {
        std::string epoch = std::to_string(++epoch_);
        call.outcome = epoch;
        for (int id = 1; id <= static_cast<int>(published_.size()); ++id) {
            if (!held_.contains(id) && !std::ranges::count(settled_, id)) {
                held_[id] = epoch;
                taken_.push_back(id);
                call.outcome += " " + std::to_string(id);
                break;
            }
        }
        remember(record, arguments, call.outcome);
    }
    Words events;
    const std::size_t space = call.outcome.find(' ');
    if (space != std::string::npos) {
        const std::string id = call.outcome.substr(space + 1);
        events = {bulk(id), number(1), event(published_.at(std::stoul(id) - 1))};
    }
    const std::int64_t epoch = call.outcome.empty() ? 0 : std::stoll(call.outcome);
    return numbered(call, {number(epoch), number(0), number(0), array({}), array(events), number(0), number(0)});
}

std::string ScriptedRedis::settle(const std::string& record, const Words& arguments) {
    Call call = recall(record, arguments);
    if (call.state == "OK") {
        // One settlement from the eleventh argument on: id, epoch, verdict.
        const int id = std::stoi(arguments.at(10));
        const bool held = held_.contains(id) && held_[id] == arguments.at(11);
        if (held) {
            held_.erase(id);
            if (arguments.at(12) == "p") {
                settled_.push_back(id);
            } else {
                ++markers_;
            }
        }
        call.outcome = held ? "1" : "0";
        remember(record, arguments, call.outcome);
    }
    return numbered(call, {bulk(call.outcome)});
}

/// Each thing is done to an event once; done again, it changes nothing.
std::string ScriptedRedis::change_by_hand(const std::string& record, const Words& arguments, const std::string& what,
                                          const std::string& id) {
    Call call = recall(record, arguments);
    if (call.state == "OK") {
        const bool changed = changed_by_hand_.insert(what + " " + id).second;
        call.outcome = changed ? "1" : "0";
        remember(record, arguments, call.outcome);
    }
    return numbered(call, {bulk(call.outcome)});
}

std::string ScriptedRedis::retire(const std::string& record, const Words& arguments) {
    Record& saved = records_[record];
    Words outcomes;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const auto outcome = saved.outcomes.find(std::stoull(arguments[i]));
        outcomes.push_back(outcome == saved.outcomes.end() ? "$-1\r\n" : bulk(outcome->second));
    }
    saved.last = std::uint64_t{1} << 53U;
    return array(outcomes);
}

std::string ScriptedRedis::get_events(const Words& arguments) {
    Words found;
    for (std::size_t i = 6; i < arguments.size(); ++i) {
        const auto id = std::stoul(arguments[i]);
        found.push_back(id > published_.size() ? array({})
                                               : array({bulk("PENDING"), bulk(""), event(published_.at(id - 1))}));
    }
    return array({bulk(generation), number(0), array(found)});
}

}  // namespace eventy::redis::test
