// The connections of one redis::Client, and who waits for what on them.
#pragma once
#include <eventy/redis.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "redis/client/command.hpp"
#include "redis/client/reply.hpp"
#include "redis/client/server_clock.hpp"
#include "store/store.hpp"

namespace eventy::redis {

using detail::Callback;
using detail::Deadline;
using detail::Done;

/// Everything on the client's I/O thread, callbacks too, none before the function that took it returned.
///
/// Commands are answered in the order of `send`, also across reconnects: what was written and not answered is written
/// again, in order, before anything newer.
class ClientCore {
public:
    ClientCore(detail::IoThread&, ClientOptions);
    ~ClientCore();  // on the I/O thread, or when that has stopped; outstanding callbacks are dropped
    ClientCore(const ClientCore&) = delete;
    ClientCore& operator=(const ClientCore&) = delete;

    const ClientOptions& options() const;

    /// An error reply is a value (`Reply::is_error`). Failures: `timeout` at the deadline, `connection` at once where
    /// waiting will not mend it (the password, the database); both say whether the command may have been applied.
    /// Without a deadline it waits as long as it takes.
    void send(Command, Deadline, Callback<Reply>);

    /// Calls back with success when the command connection is usable; with why not when it cannot become so by waiting,
    /// or at the deadline.
    void wait_ready(Deadline, Callback<Done>);

    /// Blocks on the list (BLPOP) on the connection for waits and calls `woken` for each element popped, and after each
    /// reconnect, until `stop_waiting`. One wait per key. An element that comes for nobody is handed to `orphaned`.
    void wait_list(std::string key, std::function<void()> woken);
    void stop_waiting(const std::string& key);
    void set_orphaned(std::function<void(std::string key)>);

    /// Messages of a channel on the connection for pub/sub, which exists while somebody listens. `ready` once Redis has
    /// confirmed it; `gap` after each reconnect. `token` is the caller's own and unique.
    struct Listener {
        std::function<void(std::string_view payload)> message = {};
        std::function<void()> gap = {};
    };
    void listen(std::uint64_t token, std::string channel, Listener, Callback<Done> ready);
    void unlisten(std::uint64_t token);

    /// Called after each time the command connection was lost and is usable again, before anything newer than the
    /// resent commands is written.
    void on_reconnect(std::uint64_t token, std::function<void()>);
    void remove_on_reconnect(std::uint64_t token);

    /// Of the command connection.
    detail::Presence presence() const;
    /// What is wrong with the command connection, or was last.
    const std::string& trouble() const;
    /// Asked of each server that the command connection leads to. Whoever hears the time otherwise may say it.
    ServerClock& server_clock();
    /// Called each time `presence` may have changed; after those of `on_reconnect`.
    void on_presence(std::uint64_t token, std::function<void()>);
    void remove_on_presence(std::uint64_t token);

private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace eventy::redis
