#include "redis/script_runner.hpp"

#include <chrono>
#include <utility>

#include "redis/scripts.hpp"

namespace eventy::redis {

ScriptRunner::ScriptRunner(ClientCore& core, const Keys& keys, std::string place)
    : core_(core), keys_(keys), place_(std::move(place)) {}

void ScriptRunner::run(ScriptCall call, Deadline deadline, Callback<Reply> done) {
    send(std::make_shared<const ScriptCall>(std::move(call)), false, deadline, std::move(done));
}

void ScriptRunner::send(std::shared_ptr<const ScriptCall> call, bool with_text, Deadline deadline,
                        Callback<Reply> done) {
    Command command = to_command(*call, with_text);
    core_.send(std::move(command), deadline,
               [this, life = std::weak_ptr(alive_), call = std::move(call), with_text, deadline,
                done = std::move(done)](detail::Result<Reply> result) {
                   if (life.expired()) {
                       return;
                   }
                   if (!result.ok() || !result.value().is_error()) {
                       done(std::move(result));
                   } else if (!with_text && result.value().is_error("NOSCRIPT")) {
                       send(call, true, deadline, done);
                   } else {
                       explain(*call, result.value(), [done](detail::Failure failure) { done(std::move(failure)); });
                   }
               });
}

void ScriptRunner::explain(const ScriptCall& call, const Reply& error, std::function<void(detail::Failure)> tell) {
    const std::string name(call.script->name);
    const std::string what =
        name + " on key '" + (call.keys.empty() ? std::string() : call.keys.front()) + "' at " + place_ + ": ";
    // Older servers wrap what a command in a script says, so the word may stand anywhere.
    if (error.text.find("OOM ") != std::string::npos) {
        tell({errc::server, what + "Redis is out of memory (maxmemory); it said: " + error.text});
        return;
    }
    if (error.text.find("WRONGTYPE") == std::string::npos) {
        tell({errc::server, what + error.text});
        return;
    }
    ScriptCall asked;
    asked.script = &scripts::types;
    asked.keys = {keys_.groups};
    asked.keys.insert(asked.keys.end(), call.keys.begin(), call.keys.end());
    asked.arguments = {keys_.leases_start, keys_.held_start, keys_.delayed_start,
                       keys_.open_start,   keys_.dead_start, keys_.wake_start};
    core_.send(to_command(asked, true), std::chrono::steady_clock::now() + std::chrono::seconds(1),
               [this, life = std::weak_ptr(alive_), place = name + " at " + place_ + ": ", what, said = error.text,
                tell = std::move(tell)](const detail::Result<Reply>& types) {
                   if (!life.expired()) {
                       const std::string found = types.ok() ? wrong_type(types.value()) : std::string();
                       tell({errc::server, found.empty() ? what + said : place + found});
                   }
               });
}

detail::Failure ScriptRunner::not_understood(const Script& script) const {
    return {errc::server, std::string(script.name) + " at " + place_ +
                              ": its answer is none that this script gives (it may have been applied)"};
}

std::string ScriptRunner::wrong_type(const Reply& types) const {
    for (std::size_t i = 0; i + 1 < types.items.size(); i += 2) {
        const std::string& key = types.items[i].text;
        const std::string& found = types.items[i + 1].text;
        const std::string_view wanted = keys_.type_of(key);
        if (!wanted.empty() && found != "none" && found != wanted) {
            std::string text = "key '" + key;
            text.append("' holds a ").append(found).append(" where Eventy keeps a ").append(wanted);
            return text + ": something else wrote it; delete or rename that key";
        }
    }
    return {};
}

}  // namespace eventy::redis
