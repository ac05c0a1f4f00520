// What an error reply says about the server, apart from the command.
#pragma once
#include <string_view>

#include "redis/client/reply.hpp"

namespace eventy::redis {

/// Whether it is this error: by its first word, or, since servers before 7.0 wrap what a command in a script says, in
/// "ERR Error running script (call to f_...): @user_script:7: @user_script: 7: -READONLY You can't write ...".
inline bool says(const Reply& reply, std::string_view code) {
    if (reply.is_error(code)) {
        return true;
    }
    if (!reply.is_error() || !reply.text.starts_with("ERR Error running script")) {
        return false;
    }
    constexpr std::string_view before_inner = ": -";
    const auto at = reply.text.rfind(before_inner);
    return at != std::string::npos &&
           Reply{Reply::Kind::error, reply.text.substr(at + before_inner.size()), 0, {}}.is_error(code);
}

/// Whether another server should do this command: this one is a replica, or one that lost its master.
inline bool is_of_replica(const Reply& reply) { return says(reply, "READONLY") || says(reply, "MASTERDOWN"); }

/// Whether the server could not do this command now but will do it, or another server in its place: it is loading its
/// data, has become a replica or lacks some, runs somebody's endless script, moves a slot, or wants us to log in again.
/// Such a reply is no answer: nothing was applied, and the command has to be sent again, before those that were sent
/// after it.
inline bool asks_to_resend(const Reply& reply) {
    if (!reply.is_error()) {
        return false;
    }
    for (const auto* const code : {"LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "NOREPLICAS", "NOAUTH"}) {
        if (says(reply, code)) {
            return true;
        }
    }
    return is_of_replica(reply);
}

}  // namespace eventy::redis
