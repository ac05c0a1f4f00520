#include "redis/client/command.hpp"

#include <utility>

#include "resp/writer.hpp"

namespace eventy::redis {

Command make_command(const std::vector<std::string_view>& args, std::string key) {
    Command command;
    resp::append_command(command.wire, args);
    command.name = args.front();
    command.key = std::move(key);
    return command;
}

}  // namespace eventy::redis
