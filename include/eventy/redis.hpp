// The connection to Redis, shared by many queues and managers.
#pragma once
#include <eventy/timestamp.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace eventy {
namespace detail {
class Backend;
}
namespace redis {

struct ClientOptions {
    std::string host = "127.0.0.1";
    int port = 6379;
    std::string username = {}, password = {};
    int db = 0;
    std::string unix_socket = {};  ///< a path; host and port are not used then
    std::string client_name = {};  ///< shown by CLIENT LIST; "eventy" when empty
    milliseconds connect_timeout{5000};
    milliseconds command_timeout{5000};

    /// `redis://[[user]:pass@]host[:port][/db]` or `unix://[[user]:pass@]/path[?db=N]`; percent signs decode. Throws
    /// `Error` with `invalid_argument`; the message leaves the password out.
    static ClientOptions from_url(std::string_view);
};

/// One pipelined connection for commands, one for blocking waits, one for pub/sub when someone listens, and a thread
/// that serves them. Connects by itself, and again after every loss. Never waits, never throws for the network; throws
/// `invalid_argument` for options out of range. Thread-safe.
class Client {
public:
    explicit Client(ClientOptions = {});
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    static std::shared_ptr<Client> from_url(std::string_view);

    /// For the library's own use.
    const std::shared_ptr<detail::Backend>& backend() const { return backend_; }

private:
    std::shared_ptr<detail::Backend> backend_;
};

}  // namespace redis
}  // namespace eventy
