#include "support/tcp_proxy.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <vector>

namespace eventy::test {

namespace {

sockaddr_in loopback_address(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

bool not_now() { return errno == EAGAIN || errno == EINTR; }

}  // namespace

TcpProxy::TcpProxy(int server_port, Way way, std::int64_t cut_after)
    : server_port_(server_port), cut_way_(way), cut_after_(cut_after) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bell_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    auto address = loopback_address(0);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (listener_ < 0 || bell_ < 0 || ::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, generic, &size) != 0) {
        throw std::runtime_error("the proxy cannot listen on 127.0.0.1");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
}

TcpProxy::~TcpProxy() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    wake();
    thread_.join();
    for (const Pair& pair : pairs_) {
        ::close(pair.sockets[0]);
        ::close(pair.sockets[1]);
    }
    ::close(listener_);
    ::close(bell_);
}

void TcpProxy::hold(bool requests, bool replies) {
    {
        const std::lock_guard lock(mutex_);
        held_[0] = requests;
        held_[1] = replies;
    }
    wake();
}

void TcpProxy::hold_present() {
    {
        const std::lock_guard lock(mutex_);
        for (Pair& pair : pairs_) {
            pair.held = true;
        }
    }
    wake();
}

void TcpProxy::cut() {
    std::unique_lock lock(mutex_);
    resetting_ = true;
    wake();
    changed_.wait(lock, [this] { return !resetting_; });
}

void TcpProxy::refuse() {
    {
        const std::lock_guard lock(mutex_);
        refusing_ = true;
    }
    cut();
}

void TcpProxy::flow() {
    {
        const std::lock_guard lock(mutex_);
        refusing_ = false;
        for (Pair& pair : pairs_) {
            pair.held = false;
        }
    }
    hold(false, false);
}

bool TcpProxy::has_cut() const {
    const std::lock_guard lock(mutex_);
    return has_cut_;
}

std::int64_t TcpProxy::carried(Way way) const {
    const std::lock_guard lock(mutex_);
    return carried_[static_cast<int>(way)];
}

void TcpProxy::wake() { ::eventfd_write(bell_, 1); }

// -- on the thread ---------------------------------------------------------------------------------------------------

void TcpProxy::serve() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
        std::vector<pollfd> polled{{bell_, POLLIN, 0}, {listener_, POLLIN, 0}};
        for (const Pair& pair : pairs_) {
            for (const int side : {0, 1}) {
                // Without a wish it is left out: that the other end is gone would be reported again and again.
                const short events = wanted(pair, side);
                polled.push_back({events == 0 ? -1 : pair.sockets[side], events, 0});
            }
        }
        lock.unlock();
        ::poll(polled.data(), polled.size(), -1);
        lock.lock();
        eventfd_t rings = 0;
        ::eventfd_read(bell_, &rings);
        if (resetting_) {
            reset_all();
            resetting_ = false;
            changed_.notify_all();
            continue;
        }
        std::size_t at = 2;
        for (auto pair = pairs_.begin(); pair != pairs_.end(); at += 2) {
            if (carry(*pair, {polled[at].revents, polled[at + 1].revents})) {
                ++pair;
                continue;
            }
            ::close(pair->sockets[0]);
            ::close(pair->sockets[1]);
            pair = pairs_.erase(pair);
        }
        if (polled[1].revents != 0) {
            accept();
        }
    }
}

short TcpProxy::wanted(const Pair& pair, int side) const {
    const Direction& in = pair.directions[side];
    const bool to_send = !pair.directions[1 - side].waiting.empty() && !holds(pair, 1 - side);
    return static_cast<short>((in.ended || pair.closing ? 0 : POLLIN) | (to_send ? POLLOUT : 0));
}

bool TcpProxy::carry(Pair& pair, const short (&ready)[2]) {
    for (const int way : {0, 1}) {
        if (ready[way] != 0 && !pair.directions[way].ended && !pair.closing && !receive(pair, way)) {
            return false;
        }
    }
    // In any case: what was held may flow now.
    for (const int way : {0, 1}) {
        if (!send(pair, way)) {
            return false;
        }
    }
    if (pair.closing) {
        return !pair.directions[static_cast<int>(cut_way_)].waiting.empty();
    }
    return !(pair.directions[0].told && pair.directions[1].told);
}

bool TcpProxy::receive(Pair& pair, int way) {
    std::array<char, 65536> bytes;
    Direction& direction = pair.directions[way];
    const auto count = ::recv(pair.sockets[way], bytes.data(), bytes.size(), 0);
    if (count <= 0) {
        direction.ended = count == 0 || !not_now();
        return true;
    }
    const bool cuts = !has_cut_ && way == static_cast<int>(cut_way_) && count >= cut_after_ - carried_[way];
    const auto passed = cuts ? cut_after_ - carried_[way] : static_cast<std::int64_t>(count);
    carried_[way] += passed;
    direction.waiting.append(bytes.data(), static_cast<std::size_t>(passed));
    has_cut_ = has_cut_ || cuts;
    pair.closing = pair.closing || cuts;
    return true;
}

bool TcpProxy::send(Pair& pair, int way) {
    Direction& direction = pair.directions[way];
    const int to = pair.sockets[1 - way];
    while (!holds(pair, way) && !direction.waiting.empty()) {
        const auto count = ::send(to, direction.waiting.data(), direction.waiting.size(), MSG_NOSIGNAL);
        if (count < 0) {
            return not_now();
        }
        direction.waiting.erase(0, static_cast<std::size_t>(count));
    }
    if (!holds(pair, way) && direction.ended && !direction.told) {
        direction.told = true;
        ::shutdown(to, SHUT_WR);
    }
    return true;
}

void TcpProxy::accept() {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) {
        return;
    }
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = loopback_address(server_port_);
    if (refusing_ || ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        ::close(client);
        ::close(server);
        return;
    }
    ::fcntl(server, F_SETFL, O_NONBLOCK);
    const int on = 1;
    for (const int socket : {client, server}) {
        ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    pairs_.emplace_back(client, server);
    ++connections_;
}

void TcpProxy::reset_all() {
    const linger at_once{1, 0};
    for (const Pair& pair : pairs_) {
        for (const int socket : pair.sockets) {
            ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            ::close(socket);
        }
    }
    pairs_.clear();
}

}  // namespace eventy::test
