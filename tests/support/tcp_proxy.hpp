// Stands between a client and its server, and does to their connections what networks do.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace eventy::test {

/// Listens on a free port of 127.0.0.1 and connects each client with the server's port; a thread of its own serves it.
/// Where one side closes, the other hears so after what was on its way. Thread-safe.
class TcpProxy {
public:
    enum class Way { requests, replies };
    static constexpr std::int64_t never = INT64_MAX;

    explicit TcpProxy(int server_port) : TcpProxy(server_port, Way::requests, never) {}
    /// Once, when so many bytes have gone this way over all connections, it closes the connection whose byte was the
    /// last, so that nothing behind that byte arrives; then it carries on.
    TcpProxy(int server_port, Way, std::int64_t cut_after);
    ~TcpProxy();
    TcpProxy(const TcpProxy&) = delete;
    TcpProxy& operator=(const TcpProxy&) = delete;

    int port() const { return port_; }

    /// What each way does from now on, for the connections that are and those that come. Held bytes are kept, also
    /// those of a side that has closed meanwhile, and arrive late. Connecting still succeeds.
    void hold(bool requests, bool replies);
    /// Both ways of the connections that there are now; those that come flow. Until `flow`.
    void hold_present();
    /// Resets all connections, and has done so when it returns; what they hold is lost.
    void cut();
    /// The same, and every new connection is closed at once.
    void refuse();
    /// Connections that come from now on get this server; those that are stay where they are.
    void redirect(int server_port) { server_port_ = server_port; }
    /// As new.
    void flow();

    bool has_cut() const;  // at its byte
    std::int64_t carried(Way) const;
    /// Those that it took, ever.
    int connections() const { return connections_; }

private:
    struct Direction {
        std::string waiting = {};
        bool ended = false;  // nothing more comes
        bool told = false;   // the other side knows that
    };
    struct Pair {
        Pair(int client, int server) : sockets{client, server} {}
        int sockets[2];                // the client's, the server's
        Direction directions[2] = {};  // requests, replies
        bool closing = false;          // once what waits is sent
        bool held = false;
    };

    void wake();
    void serve();
    void accept();
    bool carry(Pair&, const short (&ready)[2]);  // false: this pair is over
    bool receive(Pair&, int way);
    bool send(Pair&, int way);
    short wanted(const Pair&, int side) const;
    bool holds(const Pair& pair, int way) const { return held_[way] || pair.held; }
    void reset_all();

    std::atomic<int> server_port_, connections_{0};
    const Way cut_way_;
    const std::int64_t cut_after_;
    int port_ = 0, listener_ = -1, bell_ = -1;

    mutable std::mutex mutex_;  // the thread lets go of it only while it polls
    std::condition_variable changed_;
    bool held_[2] = {false, false};
    bool ending_ = false, resetting_ = false, refusing_ = false, has_cut_ = false;
    std::int64_t carried_[2] = {0, 0};
    std::list<Pair> pairs_;
    std::thread thread_;
};

}  // namespace eventy::test
