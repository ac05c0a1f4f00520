// Between a client and its server: carries bytes, and cuts at a chosen one.
#pragma once
#include <atomic>
#include <cstdint>
#include <list>
#include <thread>

namespace eventy::test {

/// Listens on a free port of 127.0.0.1 and connects each client with the server's port. Once, when so many bytes have
/// gone in one direction over all connections, it closes the connection whose byte was the last, so that nothing behind
/// that byte arrives; then it carries on. One thread of its own.
class CuttingProxy {
public:
    enum class Direction { to_server, to_client };
    static constexpr std::int64_t never = INT64_MAX;

    CuttingProxy(int server_port, Direction, std::int64_t cut_after);
    ~CuttingProxy();
    CuttingProxy(const CuttingProxy&) = delete;
    CuttingProxy& operator=(const CuttingProxy&) = delete;

    int port() const { return port_; }
    bool has_cut() const { return has_cut_; }
    std::int64_t carried(Direction direction) const { return carried_[static_cast<int>(direction)]; }

private:
    struct Pair {
        int sockets[2] = {-1, -1};  // the client's, the server's
    };

    void serve();
    void accept();
    bool carry(Pair&, Direction);  // false: this pair is over
    static void close(Pair&);

    const int server_port_;
    const Direction direction_;
    const std::int64_t cut_after_;
    int listener_ = -1, ending_ = -1;
    int port_ = 0;
    std::atomic<bool> has_cut_{false};
    std::atomic<std::int64_t> carried_[2] = {};
    std::list<Pair> pairs_;
    std::thread thread_;
};

}  // namespace eventy::test
