// What an error reply says about the server, apart from the command.
#pragma once
#include "redis/client/reply.hpp"

namespace eventy::redis {

/// Whether the server could not do this command now but will do it, or another server in its place: it is loading its
/// data, has become a replica, runs somebody's endless script, moves a slot, or wants us to log in again. Such a reply
/// is no answer: the command has to be sent again, before those that were sent after it.
inline bool asks_to_resend(const Reply& reply) {
    if (!reply.is_error()) {
        return false;
    }
    for (const auto* const code : {"LOADING", "MASTERDOWN", "READONLY", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "NOAUTH"}) {
        if (reply.is_error(code)) {
            return true;
        }
    }
    return false;
}

}  // namespace eventy::redis
