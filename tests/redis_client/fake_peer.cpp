#include "redis_client/fake_peer.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace eventy::redis::test {

namespace {

int listen_on_free_port(int& port) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (listener < 0 || ::bind(listener, generic, length) != 0 || ::listen(listener, 64) != 0 ||
        ::getsockname(listener, generic, &length) != 0) {
        throw std::runtime_error("cannot listen on 127.0.0.1");
    }
    port = ntohs(address.sin_port);
    return listener;
}

}  // namespace

Session::~Session() { hang_up(); }

std::optional<Words> Session::command() {
    while (next_ == commands_.size()) {
        commands_.clear();
        next_ = 0;
        char bytes[4096];
        const auto size = ::recv(socket_, bytes, sizeof bytes, 0);
        if (size <= 0 || !reader_.read({bytes, static_cast<std::size_t>(size)}, commands_)) {
            return std::nullopt;
        }
    }
    Words words;
    for (const auto& item : commands_[next_++].items) {
        words.push_back(item.text);
    }
    return words;
}

void Session::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (size <= 0) {
            return;
        }
        bytes.remove_prefix(static_cast<std::size_t>(size));
    }
}

void Session::write_byte_by_byte(std::string_view bytes) {
    for (const char& byte : bytes) {
        write({&byte, 1});
    }
}

void Session::hang_up() {
    const std::lock_guard lock(mutex_);
    if (socket_ >= 0) {
        ::close(socket_);
        socket_ = -1;
    }
}

void Session::wait_for_hang_up() {
    char bytes[4096];
    while (::recv(socket_, bytes, sizeof bytes, 0) > 0) {
    }
}

void Session::reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    hang_up();
}

void Session::wait_for_hang_up(std::chrono::milliseconds most) {
    const auto end = std::chrono::steady_clock::now() + most;
    pollfd waited{socket_, POLLRDHUP, 0};
    while (waited.revents == 0) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() < 0) {
            return;
        }
        ::poll(&waited, 1, static_cast<int>(left.count()) + 1);
    }
}

bool Session::hung_up() {
    char byte = 0;
    return ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void Session::interrupt() {
    const std::lock_guard lock(mutex_);
    if (socket_ >= 0) {
        ::shutdown(socket_, SHUT_RDWR);
    }
}

FakePeer::FakePeer(Story story) : story_(std::move(story)) {
    listener_ = listen_on_free_port(port_);
    acceptor_ = std::thread([this] { accept(); });
}

FakePeer::~FakePeer() {
    ending_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    for (auto& session : sessions_) {
        session.interrupt();
    }
    for (auto& thread : threads_) {
        thread.join();
    }
}

void FakePeer::accept() {
    for (;;) {
        const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (socket < 0 || ending_) {
            ::close(socket);
            return;
        }
        const int on = 1;
        ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        auto& session = sessions_.emplace_back(socket, connections_++);
        threads_.emplace_back([this, &session] {
            story_(session);
            session.hang_up();
        });
    }
}

ClientOptions options_for(const FakePeer& peer) { return options_for(peer.port()); }

ClientOptions with_login(const FakePeer& peer) {
    auto options = options_for(peer);
    options.username = "alice";
    options.password = "secret";
    options.db = 3;
    return options;
}

int unused_port() {
    int port = 0;
    ::close(listen_on_free_port(port));
    return port;
}

std::string bulk(std::string_view text) {
    return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

std::string bulks(const Words& words) {
    std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
    for (const auto& word : words) {
        bytes += bulk(word);
    }
    return bytes;
}

std::string healthy_answer(const Words& command, int connection) {
    if (command[0] == "PING") {
        return "+PONG\r\n";
    }
    if (command[0] == "TIME") {
        return bulks({"1517966801", "30000"});
    }
    if (command[0] == "ECHO") {
        return bulk(command.at(1));
    }
    if (command[0] == "CLIENT" && command.at(1) == "ID") {
        return ":" + std::to_string(connection + 100) + "\r\n";
    }
    return "+OK\r\n";
}

bool shake_hands(Session& session) {
    while (const auto command = session.command()) {
        session.write(healthy_answer(*command, session.number()));
        if (command->front() == "PING") {
            return true;
        }
    }
    return false;
}

void be_healthy(Session& session) {
    while (const auto command = session.command()) {
        session.write(healthy_answer(*command, session.number()));
    }
}

}  // namespace eventy::redis::test
