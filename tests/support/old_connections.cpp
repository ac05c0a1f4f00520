#include "support/old_connections.hpp"

#include <algorithm>
#include <chrono>
#include <sstream>
#include <thread>

namespace eventy::test {

namespace {

std::vector<std::string> connections(RedisServer& server) {
    std::vector<std::string> ids;
    std::istringstream list(server.must({"CLIENT", "LIST"}).text);
    for (std::string line; std::getline(list, line);) {
        if (line.find("cmd=client") == std::string::npos) {
            ids.push_back(line.substr(0, line.find(' ')));
        }
    }
    return ids;
}

}  // namespace

OldConnections::OldConnections(RedisServer& server) : server_(server), ids_(connections(server)) {}

bool OldConnections::wait_for_their_end() const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    for (;;) {
        const auto now = connections(server_);
        if (std::none_of(ids_.begin(), ids_.end(),
                         [&](const std::string& id) { return std::find(now.begin(), now.end(), id) != now.end(); })) {
            return true;
        }
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

}  // namespace eventy::test
