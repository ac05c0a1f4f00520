// One socket's life: connect, handshake, bytes to and fro, end.
#pragma once
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "redis/client/alarm.hpp"
#include "redis/client/handshake.hpp"
#include "redis/client/reply.hpp"
#include "redis/client/surroundings.hpp"
#include "resp/reader.hpp"

namespace eventy::redis {

/// Why a connection ended, or did not come about.
struct Loss {
    enum class Kind {
        passing,          // may be well again at any time
        misplaced,        // this server is not the one to ask: a replica
        refused,          // the server cannot be used as it is
        silent,           // it owes us an answer for too long
        reply_too_large,  // to the oldest command
    };
    Kind kind = Kind::passing;
    std::string reason = {};
};

/// Made by a supervisor for one try. It tells its owner once that it is up, or never, and once that it is down, unless
/// it was closed; after that nothing.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    class Owner {
    public:
        virtual void connection_slow() = 0;  // the handshake has taken `slow_time`, and goes on
        virtual void connection_up() = 0;
        virtual void connection_received(std::vector<Reply>&) = 0;
        virtual void connection_written() = 0;  // all of it
        virtual void connection_down(const Loss&) = 0;

    protected:
        ~Owner() = default;
    };
    static constexpr const char* no_answer = "it does not answer";
    struct Terms {
        std::chrono::milliseconds connect_time{0};    // for the socket, once the address is known
        std::chrono::milliseconds slow_time{0};       // for the answers, until the owner is told
        std::chrono::milliseconds handshake_time{0};  // and until it is given up
        std::size_t address = 0;                      // which of the host's addresses to try first
        Handshake::Questions questions = {};
    };

    Connection(Surroundings&, Owner&, Terms);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void open();
    void close();
    void set_owner(Owner& owner) { owner_ = &owner; }

    bool is_up() const { return phase_ == Phase::up; }
    /// Append here what is to be written next, then call `flush`.
    std::string& staging() { return staged_; }
    void flush();
    bool is_writing() const { return writing_; }

    /// When bytes last came, or left in a way that shows that the peer is there.
    std::chrono::steady_clock::time_point last_progress() const { return last_progress_; }
    /// Whether bytes came that were not read yet, because this process was busy or stopped.
    bool has_unread();
    std::int64_t id() const { return handshake_.connection_id(); }
    /// As it was when the connection came up.
    std::optional<std::chrono::milliseconds> server_time() const { return handshake_.server_time(); }

private:
    using Protocol = boost::asio::generic::stream_protocol;
    enum class Phase { fresh, resolving, connecting, shaking_hands, up, closed };

    template <class F>
    auto guarded(F function);
    void resolve();
    void connect(std::vector<Protocol::endpoint>, std::size_t tried);
    void connected();
    void read();
    void received(std::size_t size);
    void received_handshake();
    void write();
    void time_is_up();
    void handshake_is_slow();
    void fail(Loss::Kind, const std::string& reason);

    Surroundings& surroundings_;
    std::weak_ptr<void> life_;
    Owner* owner_;
    Terms terms_;
    Phase phase_ = Phase::fresh;
    boost::asio::ip::tcp::resolver resolver_;
    Protocol::socket socket_;
    Alarm alarm_;
    Handshake handshake_;
    resp::Reader reader_;
    std::vector<Reply> replies_ = {};
    std::string staged_ = {}, outgoing_ = {};
    std::size_t outgoing_done_ = 0;
    bool writing_ = false, told_slow_ = false;
    std::chrono::steady_clock::time_point last_progress_ = {};
    std::vector<char> incoming_;
};

}  // namespace eventy::redis
