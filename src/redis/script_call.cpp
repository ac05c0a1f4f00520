#include "redis/script_call.hpp"

#include <string_view>
#include <utility>

namespace eventy::redis {

ScriptCall& ScriptCall::key(std::string name) {
    keys.push_back(std::move(name));
    return *this;
}

ScriptCall& ScriptCall::argument(std::string text) {
    arguments.push_back(std::move(text));
    return *this;
}

ScriptCall& ScriptCall::argument(std::int64_t number) { return argument(std::to_string(number)); }

Command to_command(const ScriptCall& call, bool with_text, const std::vector<std::string>& front) {
    const std::string key_count = std::to_string(call.keys.size());
    std::vector<std::string_view> words;
    words.reserve(3 + call.keys.size() + front.size() + call.arguments.size());
    words.emplace_back(with_text ? "EVAL" : "EVALSHA");
    words.push_back(with_text ? call.script->text : call.script->sha);
    words.push_back(key_count);
    words.insert(words.end(), call.keys.begin(), call.keys.end());
    words.insert(words.end(), front.begin(), front.end());
    words.insert(words.end(), call.arguments.begin(), call.arguments.end());
    Command command = make_command(words, call.keys.empty() ? std::string() : call.keys.front());
    command.name.append(" ").append(call.script->name);
    return command;
}

}  // namespace eventy::redis
