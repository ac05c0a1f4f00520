// A line between a client and its server that can go dead or be cut.
#pragma once
#include <atomic>
#include <list>
#include <string>
#include <thread>

namespace eventy::test {

/// Listens on a free port of 127.0.0.1 and carries bytes to and from the server's port, on a thread of its own.
class Line {
public:
    explicit Line(int server_port);
    ~Line();
    Line(const Line&) = delete;
    Line& operator=(const Line&) = delete;

    int port() const { return port_; }
    /// From now on nothing passes, and nobody is told; connecting still succeeds. What is on its way is kept.
    void fall_silent() { set(State::silent); }
    /// Ends all connections, and every new one at once.
    void cut() { set(State::cut); }
    /// As new; what was kept arrives.
    void mend() { set(State::whole); }

private:
    enum class State { whole, silent, cut };
    struct Direction {
        std::string waiting = {};
        bool ended = false;
    };
    struct Pair {
        int client = -1, server = -1;
        Direction to_server = {}, to_client = {};
    };

    void set(State);
    void run();
    void accept_one();
    static bool carry(int from, int to, Direction&, short events_from, short events_to);

    int server_port_, listener_ = -1, port_ = 0;
    int bell_[2] = {-1, -1};
    std::atomic<State> state_{State::whole};
    std::atomic<bool> ending_{false};
    std::list<Pair> pairs_;  // of the thread
    std::thread thread_;
};

}  // namespace eventy::test
