// What is sent to Redis.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace eventy::redis {

/// One command, already in RESP. It is sent again after a lost connection, so it has to be one that may be applied
/// twice: all commands of this library are (reads, or scripts that recognise a call they have seen).
struct Command {
    std::string wire = {};  // the RESP array
    std::string name = {};  // "EVALSHA publish": for messages
    std::string key = {};   // for messages; empty where there is none
};

/// Makes the command; `args` begins with the command's name, which also becomes `name`.
Command make_command(const std::vector<std::string_view>& args, std::string key = {});

}  // namespace eventy::redis
