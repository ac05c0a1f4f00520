// A peer that tells a story on each connection it is given, such as a Redis that hangs up at a chosen moment.
#pragma once
#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "redis_client/client_fixture.hpp"
#include "resp/reader.hpp"

namespace eventy::redis::test {

using Words = std::vector<std::string>;

/// One connection, seen from the peer, on a thread of its own.
class Session {
public:
    Session(int socket, int number) : socket_(socket), number_(number) {}
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    int number() const { return number_; }  // of connections before this one
    /// The next command; none when the client hung up or sent what is no command.
    std::optional<Words> command();
    void write(std::string_view);
    void write_byte_by_byte(std::string_view);
    void hang_up();
    /// The client gets an RST, and loses what it has not read yet.
    void reset();
    void wait_for_hang_up();
    /// The same, for so long at most.
    void wait_for_hang_up(std::chrono::milliseconds);
    /// Whether the client has hung up, and nothing that it sent before is left.
    bool hung_up();

private:
    friend class FakePeer;
    void interrupt();

    std::mutex mutex_;  // of the socket's end, against `interrupt`
    int socket_;
    int number_;
    resp::Reader reader_{};
    std::vector<resp::Reply> commands_ = {};
    std::size_t next_ = 0;
};

/// Listens on a free port of 127.0.0.1 and runs the story for each connection.
class FakePeer {
public:
    using Story = std::function<void(Session&)>;
    explicit FakePeer(Story);
    ~FakePeer();  // ends all connections; a story that waits for its client wakes up
    FakePeer(const FakePeer&) = delete;
    FakePeer& operator=(const FakePeer&) = delete;

    int port() const { return port_; }
    int connections() const { return connections_; }

private:
    void accept();

    Story story_;
    int listener_ = -1;
    int port_ = 0;
    std::atomic<int> connections_{0};
    std::atomic<bool> ending_{false};
    std::mutex mutex_;
    std::list<Session> sessions_;
    std::list<std::thread> threads_;
    std::thread acceptor_;
};

ClientOptions options_for(const FakePeer&);
/// With a user, a password ("secret") and a database.
ClientOptions with_login(const FakePeer&);

/// A port of 127.0.0.1 on which nobody listens.
int unused_port();

// -- the words of Redis ----------------------------------------------------------------------------------------------
std::string bulk(std::string_view);
std::string bulks(const Words&);

/// What a healthy Redis answers to PING, AUTH, SELECT, CLIENT, TIME (a moment of 2018) and ECHO.
std::string healthy_answer(const Words& command, int connection);

/// Answers the handshake, PING included; false when the client hung up.
bool shake_hands(Session&);
/// Answers healthily until the client hangs up.
void be_healthy(Session&);

}  // namespace eventy::redis::test
