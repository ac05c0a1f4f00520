#include "queue/line.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <vector>

namespace eventy::test {

namespace {

constexpr std::size_t most_kept = std::size_t{1024} * 1024;

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

}  // namespace

Line::Line(int server_port) : server_port_(server_port) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    auto address = loopback(0);
    socklen_t size = sizeof address;
    const bool ok = ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                    ::listen(listener_, 64) == 0 &&
                    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
                    ::pipe2(bell_, O_CLOEXEC | O_NONBLOCK) == 0;
    if (!ok) {
        throw std::runtime_error("cannot listen on 127.0.0.1");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
}

Line::~Line() {
    ending_ = true;
    set(State::whole);
    thread_.join();
    for (const auto& pair : pairs_) {
        ::close(pair.client);
        ::close(pair.server);
    }
    ::close(listener_);
    ::close(bell_[0]);
    ::close(bell_[1]);
}

void Line::set(State state) {
    state_ = state;
    (void)!::write(bell_[1], "x", 1);
}

void Line::accept_one() {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) {
        return;
    }
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = loopback(server_port_);
    const bool there =
        state_ != State::cut && ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    if (!there) {
        ::close(client);
        ::close(server);
        return;
    }
    ::fcntl(server, F_SETFL, O_NONBLOCK);
    pairs_.push_back({client, server});
}

/// False: this direction has ended.
bool Line::carry(int from, int to, Direction& direction, short events_from, short events_to) {
    if ((events_from & (POLLIN | POLLHUP | POLLERR)) != 0 && direction.waiting.size() < most_kept) {
        std::array<char, 65536> bytes{};
        const auto count = ::recv(from, bytes.data(), bytes.size(), 0);
        if (count > 0) {
            direction.waiting.append(bytes.data(), static_cast<std::size_t>(count));
        } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
            direction.ended = true;
        }
    }
    if (!direction.waiting.empty() && ((events_to & POLLOUT) != 0 || direction.ended)) {
        const auto count = ::send(to, direction.waiting.data(), direction.waiting.size(), MSG_NOSIGNAL);
        if (count > 0) {
            direction.waiting.erase(0, static_cast<std::size_t>(count));
        } else if (count < 0 && errno != EAGAIN && errno != EINTR) {
            return false;
        }
    }
    return !(direction.ended && direction.waiting.empty());
}

void Line::run() {
    while (!ending_) {
        std::vector<pollfd> waits = {{bell_[0], POLLIN, 0}};
        const State state = state_;
        if (state == State::cut) {
            for (const auto& pair : pairs_) {
                ::close(pair.client);
                ::close(pair.server);
            }
            pairs_.clear();
        }
        if (state != State::silent) {
            waits.push_back({listener_, POLLIN, 0});
            for (const auto& pair : pairs_) {
                const auto events = [](const Direction& in, const Direction& out) {
                    return static_cast<short>((in.waiting.size() < most_kept ? POLLIN : 0) |
                                              (out.waiting.empty() ? 0 : POLLOUT));
                };
                waits.push_back({pair.client, events(pair.to_server, pair.to_client), 0});
                waits.push_back({pair.server, events(pair.to_client, pair.to_server), 0});
            }
        }
        ::poll(waits.data(), waits.size(), -1);
        std::array<char, 64> rings{};
        while (::read(bell_[0], rings.data(), rings.size()) > 0) {
        }
        if (state == State::silent || state_ != state) {
            continue;
        }
        std::size_t at = 2;
        for (auto pair = pairs_.begin(); pair != pairs_.end();) {
            const short client = waits[at].revents;
            const short server = waits[at + 1].revents;
            at += 2;
            const bool alive = carry(pair->client, pair->server, pair->to_server, client, server) &&
                               carry(pair->server, pair->client, pair->to_client, server, client);
            if (alive) {
                ++pair;
                continue;
            }
            ::close(pair->client);
            ::close(pair->server);
            pair = pairs_.erase(pair);
        }
        if ((waits[1].revents & POLLIN) != 0) {
            accept_one();
        }
    }
}

}  // namespace eventy::test
