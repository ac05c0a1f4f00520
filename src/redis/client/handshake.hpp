// The first words on a new connection.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "redis/client/client_options.hpp"
#include "redis/client/reply.hpp"

namespace eventy::redis {

/// Logs in, chooses the database, gives the connection its name and asks for a sign of life, all in one write; then
/// judges the answers. It knows a server that has to be waited for from one that cannot be used.
class Handshake {
public:
    enum class State {
        more,     // answers are missing
        ready,    // the connection can be used
        not_yet,  // the server is there, but loading, full or busy: try again
        refused,  // trying again will not help: wrong password, no such database, no Redis
    };

    /// What is asked beside.
    struct Questions {
        bool id = false;    // the connection's number, for CLIENT UNBLOCK
        bool time = false;  // the server's
    };

    /// The options have to outlive it.
    Handshake(const ClientOptions& options, Questions);

    std::string wire() const;
    State answered(const Reply&);
    /// The peer sent something that is no RESP.
    State garbage(std::string_view what);

    State state() const { return state_; }
    /// Why not; never the password.
    const std::string& reason() const { return reason_; }
    /// 0 when the server did not tell.
    std::int64_t connection_id() const { return connection_id_; }
    /// Since 1970; nothing when the server did not tell.
    std::optional<std::chrono::milliseconds> server_time() const { return server_time_; }

private:
    enum class Step { login, database, name, id, time, ping };

    void judge(Step, const Reply&);
    void judge_error(Step, const Reply&);
    std::string login_error(const Reply&) const;
    std::string user() const;
    void end(State, std::string reason);
    void no_redis(const std::string& what);

    const ClientOptions& options_;
    std::vector<Step> steps_ = {};
    std::size_t next_ = 0;
    State state_ = State::more;
    std::string reason_ = {};
    std::int64_t connection_id_ = 0;
    std::optional<std::chrono::milliseconds> server_time_ = {};
};

}  // namespace eventy::redis
