// One Lua script as it is sent.
#pragma once
#include <string_view>

namespace eventy::redis {

/// All of them are in the generated "redis/scripts.hpp", one for each file in src/redis/scripts; how to call it stands
/// at the top of the file.
struct Script {
    std::string_view name, sha, text;
};

}  // namespace eventy::redis
