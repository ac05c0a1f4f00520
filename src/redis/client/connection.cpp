#include "redis/client/connection.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <utility>

namespace eventy::redis {

namespace {

constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::size_t kept_buffer_bytes = 1024 * 1024;  // a larger one is given back after use

using Clock = std::chrono::steady_clock;

void set_option(int socket, int level, int name, int value) {
    // Each of them is a mere improvement; what the system does not know it does without.
    (void)::setsockopt(socket, level, name, &value, sizeof value);
}

void set_tcp_options(int socket) {
    set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    // A peer that vanished is noticed within about 10 s even where nobody waits for an answer.
    set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, 5);
    set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, 2);
    set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
#ifdef TCP_USER_TIMEOUT
    // Keepalive is silent while bytes of ours are on their way; then this counts.
    set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, 10'000);
#endif
}

/// A program that this process starts must not hold our connections open: Redis would go on serving them after our end.
void close_on_exec(int socket) { (void)::fcntl(socket, F_SETFD, FD_CLOEXEC); }

}  // namespace

Connection::Connection(Surroundings& surroundings, Owner& owner, Terms terms)
    : surroundings_(surroundings),
      life_(surroundings.life),
      owner_(&owner),
      terms_(terms),
      resolver_(surroundings.io),
      socket_(surroundings.io),
      alarm_(surroundings, [this] { time_is_up(); }),
      handshake_(surroundings.options, terms.questions),
      incoming_(read_bytes) {}

/// A handler for Asio: runs while the client lives and this connection is not closed, and keeps both until it ends.
template <class F>
auto Connection::guarded(F function) {
    return [self = shared_from_this(), function = std::move(function)](const boost::system::error_code& error,
                                                                       auto&&... results) mutable {
        const auto alive = self->life_.lock();
        if (alive && self->phase_ != Phase::closed) {
            function(error, std::forward<decltype(results)>(results)...);
        }
    };
}

void Connection::open() {
    const auto& options = surroundings_.options;
    if (!options.unix_socket.empty()) {
        connect({boost::asio::local::stream_protocol::endpoint(options.unix_socket)}, 0);
        return;
    }
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(options.host, error);
    if (!error) {
        const auto port = static_cast<boost::asio::ip::port_type>(options.port);
        connect({boost::asio::ip::tcp::endpoint(address, port)}, 0);
    } else {
        resolve();
    }
}

void Connection::resolve() {
    phase_ = Phase::resolving;
    const auto& options = surroundings_.options;
    alarm_.set_after(options.connect_timeout);
    resolver_.async_resolve(options.host, std::to_string(options.port), boost::asio::ip::tcp::resolver::numeric_service,
                            guarded([this](const boost::system::error_code& error,
                                           const boost::asio::ip::tcp::resolver::results_type& found) {
                                if (error) {
                                    fail(Loss::Kind::passing, "cannot find the host: " + error.message());
                                    return;
                                }
                                std::vector<Protocol::endpoint> endpoints;
                                for (const auto& entry : found) {
                                    endpoints.emplace_back(entry.endpoint());
                                }
                                connect(std::move(endpoints), 0);
                            }));
}

void Connection::connect(std::vector<Protocol::endpoint> endpoints, std::size_t tried) {
    if (tried == 0) {
        phase_ = Phase::connecting;
        alarm_.set_after(terms_.connect_time);
    }
    if (endpoints.empty()) {
        fail(Loss::Kind::passing, "the host has no address");
        return;
    }
    const auto endpoint = endpoints[(terms_.address + tried) % endpoints.size()];
    boost::system::error_code ignored;
    socket_.close(ignored);
    socket_.open(endpoint.protocol(), ignored);  // should it fail, connecting says why
    if (socket_.is_open()) {
        close_on_exec(socket_.native_handle());
    }
    socket_.async_connect(endpoint, guarded([this, endpoints = std::move(endpoints),
                                             tried](const boost::system::error_code& error) mutable {
                              if (phase_ != Phase::connecting) {
                                  return;
                              }
                              if (!error) {
                                  connected();
                              } else if (tried + 1 < endpoints.size()) {
                                  connect(std::move(endpoints), tried + 1);
                              } else {
                                  fail(Loss::Kind::passing, "cannot connect: " + error.message());
                              }
                          }));
}

void Connection::connected() {
    if (surroundings_.options.unix_socket.empty()) {
        set_tcp_options(socket_.native_handle());
    }
    phase_ = Phase::shaking_hands;
    alarm_.set_after(std::min(terms_.slow_time, terms_.handshake_time));
    last_progress_ = Clock::now();
    staged_ = handshake_.wire();
    flush();
    read();
}

void Connection::read() {
    socket_.async_read_some(boost::asio::buffer(incoming_),
                            guarded([this](const boost::system::error_code& error, std::size_t size) {
                                if (error == boost::asio::error::eof) {
                                    fail(Loss::Kind::passing, "the server closed the connection");
                                } else if (error) {
                                    fail(Loss::Kind::passing, "reading failed: " + error.message());
                                } else {
                                    received(size);
                                }
                            }));
}

void Connection::received(std::size_t size) {
    last_progress_ = Clock::now();
    const bool readable = reader_.read({incoming_.data(), size}, replies_);
    if (phase_ == Phase::shaking_hands) {
        received_handshake();
    }
    if (phase_ == Phase::up && !replies_.empty()) {
        owner_->connection_received(replies_);
        replies_.clear();
    }
    if (phase_ == Phase::closed) {
        return;
    }
    if (readable) {
        read();
        return;
    }
    const auto& problem = *reader_.problem();
    if (phase_ == Phase::shaking_hands) {
        handshake_.garbage(problem.message);
        fail(Loss::Kind::refused, handshake_.reason());
    } else if (problem.too_large) {
        fail(Loss::Kind::reply_too_large, "the reply is too large: " + problem.message);
    } else {
        fail(Loss::Kind::passing, "the server's answer is no RESP: " + problem.message);
    }
}

void Connection::received_handshake() {
    std::size_t used = 0;
    while (used < replies_.size() && handshake_.state() == Handshake::State::more) {
        handshake_.answered(replies_[used++]);
    }
    replies_.erase(replies_.begin(), replies_.begin() + static_cast<std::ptrdiff_t>(used));
    switch (handshake_.state()) {
        case Handshake::State::more: break;
        case Handshake::State::not_yet: fail(Loss::Kind::passing, "not yet usable: " + handshake_.reason()); break;
        case Handshake::State::refused: fail(Loss::Kind::refused, handshake_.reason()); break;
        case Handshake::State::ready:
            alarm_.cancel();
            phase_ = Phase::up;
            owner_->connection_up();
            break;
    }
}

void Connection::flush() {
    if (!writing_ && !staged_.empty()) {
        outgoing_.clear();
        if (outgoing_.capacity() > kept_buffer_bytes) {
            outgoing_.shrink_to_fit();
        }
        outgoing_.swap(staged_);
        outgoing_done_ = 0;
        writing_ = true;
        write();
    }
}

void Connection::write() {
    socket_.async_write_some(boost::asio::buffer(outgoing_) + outgoing_done_,
                             guarded([this](const boost::system::error_code& error, std::size_t size) {
                                 if (error && phase_ == Phase::shaking_hands) {
                                     return;  // reading tells more: the peer may have said why it hung up
                                 }
                                 if (error) {
                                     fail(Loss::Kind::passing, "writing failed: " + error.message());
                                     return;
                                 }
                                 // A small write ends at once, whether the peer is there or not. One that has to be
                                 // waited for shows that it takes bytes away.
                                 const bool waited = outgoing_done_ > 0;
                                 outgoing_done_ += size;
                                 if (waited || outgoing_done_ < outgoing_.size()) {
                                     last_progress_ = Clock::now();
                                 }
                                 if (outgoing_done_ < outgoing_.size()) {
                                     write();
                                     return;
                                 }
                                 writing_ = false;
                                 flush();
                                 if (!writing_ && phase_ == Phase::up) {
                                     owner_->connection_written();
                                 }
                             }));
}

bool Connection::has_unread() {
    boost::system::error_code error;
    return socket_.is_open() && socket_.available(error) > 0;
}

void Connection::time_is_up() {
    switch (phase_) {
        case Phase::resolving: fail(Loss::Kind::passing, "finding the host takes too long"); break;
        case Phase::connecting: fail(Loss::Kind::passing, "connecting takes too long"); break;
        case Phase::shaking_hands: handshake_is_slow(); break;
        default: break;
    }
}

void Connection::handshake_is_slow() {
    if (!told_slow_ && terms_.slow_time < terms_.handshake_time) {
        told_slow_ = true;
        alarm_.set_after(terms_.handshake_time - terms_.slow_time);
        owner_->connection_slow();
    } else {
        fail(Loss::Kind::silent, no_answer);
    }
}

void Connection::fail(Loss::Kind kind, const std::string& reason) {
    if (phase_ != Phase::closed) {
        close();
        owner_->connection_down(Loss{kind, without_password(reason, surroundings_.options)});
    }
}

void Connection::close() {
    phase_ = Phase::closed;
    alarm_.cancel();
    resolver_.cancel();
    boost::system::error_code ignored;
    socket_.close(ignored);
}

}  // namespace eventy::redis
