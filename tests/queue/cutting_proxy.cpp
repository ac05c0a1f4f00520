#include "queue/cutting_proxy.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace eventy::test {

namespace {

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

void send_at_once(int socket) {
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

bool send_all(int socket, const char* bytes, std::size_t size) {
    while (size > 0) {
        const auto sent = ::send(socket, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        size -= static_cast<std::size_t>(sent);
    }
    return true;
}

}  // namespace

CuttingProxy::CuttingProxy(int server_port, Direction direction, std::int64_t cut_after)
    : server_port_(server_port), direction_(direction), cut_after_(cut_after) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ending_ = ::eventfd(0, EFD_CLOEXEC);
    auto address = loopback(0);
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (listener_ < 0 || ending_ < 0 || ::bind(listener_, generic, length) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, generic, &length) != 0) {
        throw std::runtime_error("the proxy cannot listen on 127.0.0.1");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
}

CuttingProxy::~CuttingProxy() {
    const std::uint64_t one = 1;
    if (::write(ending_, &one, sizeof one) == sizeof one) {
        thread_.join();
    }
    for (auto& pair : pairs_) {
        close(pair);
    }
    ::close(listener_);
    ::close(ending_);
}

void CuttingProxy::serve() {
    for (;;) {
        std::vector<pollfd> waited{{ending_, POLLIN, 0}, {listener_, POLLIN, 0}};
        for (const auto& pair : pairs_) {
            waited.push_back({pair.sockets[0], POLLIN, 0});
            waited.push_back({pair.sockets[1], POLLIN, 0});
        }
        ::poll(waited.data(), waited.size(), -1);
        if (waited[0].revents != 0) {
            return;
        }
        std::size_t next = 2;
        for (auto pair = pairs_.begin(); pair != pairs_.end(); next += 2) {
            const bool goes_on = (waited[next].revents == 0 || carry(*pair, Direction::to_server)) &&
                                 (waited[next + 1].revents == 0 || carry(*pair, Direction::to_client));
            if (!goes_on) {
                close(*pair);
            }
            pair = goes_on ? std::next(pair) : pairs_.erase(pair);
        }
        if (waited[1].revents != 0) {
            accept();
        }
    }
}

void CuttingProxy::accept() {
    Pair pair;
    pair.sockets[0] = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    pair.sockets[1] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = loopback(server_port_);
    if (::connect(pair.sockets[1], reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        close(pair);
        return;
    }
    send_at_once(pair.sockets[0]);
    send_at_once(pair.sockets[1]);
    pairs_.push_back(pair);
}

bool CuttingProxy::carry(Pair& pair, Direction direction) {
    const auto from = static_cast<std::size_t>(direction);
    char bytes[16 * 1024];
    const auto size = ::recv(pair.sockets[from], bytes, sizeof bytes, 0);
    if (size <= 0) {
        return false;
    }
    const bool cuts =
        !has_cut_ && direction == direction_ && carried_[from] + static_cast<std::int64_t>(size) >= cut_after_;
    const auto passed = cuts ? cut_after_ - carried_[from] : static_cast<std::int64_t>(size);
    carried_[from] += passed;
    has_cut_ = has_cut_ || cuts;
    return send_all(pair.sockets[1 - from], bytes, static_cast<std::size_t>(passed)) && !cuts;
}

void CuttingProxy::close(Pair& pair) {
    for (const int socket : pair.sockets) {
        if (socket >= 0) {
            ::close(socket);
        }
    }
}

}  // namespace eventy::test
