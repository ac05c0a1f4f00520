// One call of a script: which, on what keys, with which arguments.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "redis/client/command.hpp"
#include "redis/script.hpp"

namespace eventy::redis {

/// Owns its words, because a call may have to be sent again.
struct ScriptCall {
    const Script* script = nullptr;
    std::vector<std::string> keys = {};
    std::vector<std::string> arguments = {};

    ScriptCall& key(std::string);
    ScriptCall& argument(std::string);
    ScriptCall& argument(std::int64_t);
};

/// By the script's hash, or with its text, for a server that does not know it yet. `front` goes before the arguments.
Command to_command(const ScriptCall&, bool with_text, const std::vector<std::string>& front = {});

}  // namespace eventy::redis
