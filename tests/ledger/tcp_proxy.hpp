// Stands between one process and Redis, and does to their connections what networks do.
#pragma once
#include <memory>

namespace eventy::ledger {

/// Listens on a port of its own on 127.0.0.1 and forwards to another; a thread of its own serves it. Held bytes are
/// kept, also those of a side that has closed meanwhile, and arrive late. Thread-safe.
class TcpProxy {
public:
    /// Throws boost::system::system_error.
    explicit TcpProxy(int target_port);
    ~TcpProxy();
    TcpProxy(const TcpProxy&) = delete;
    TcpProxy& operator=(const TcpProxy&) = delete;

    int port() const;

    /// Resets all connections; what they hold is lost.
    void cut();
    /// What each way does from now on, for the connections that are and those that come.
    void hold(bool requests, bool replies);
    void flow() { hold(false, false); }

private:
    class Core;
    std::unique_ptr<Core> core_;
};

}  // namespace eventy::ledger
