// The connections that a server has at one moment.
#pragma once
#include <string>
#include <vector>

#include "support/redis_server.hpp"

namespace eventy::test {

/// Remembers them, so that a test can wait for their ends: the end of a connection comes behind all that was sent on
/// it. The one on which the server is asked is not among them.
class OldConnections {
public:
    explicit OldConnections(RedisServer&);

    bool none() const { return ids_.empty(); }
    /// False: some are still there after a minute.
    [[nodiscard]] bool wait_for_their_end() const;

private:
    RedisServer& server_;
    std::vector<std::string> ids_;
};

}  // namespace eventy::test
