#include "ledger/tcp_proxy.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cstddef>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace eventy::ledger {

namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

tcp::endpoint loopback(int port) {
    return {boost::asio::ip::address_v4::loopback(), static_cast<unsigned short>(port)};
}

/// One way of one connection: reads always, writes unless it is held.
class Pump : public std::enable_shared_from_this<Pump> {
public:
    Pump(std::shared_ptr<tcp::socket> from, std::shared_ptr<tcp::socket> to, bool held)
        : from_(std::move(from)), to_(std::move(to)), held_(held) {}

    void read() {
        from_->async_read_some(boost::asio::buffer(chunk_),
                               [self = shared_from_this()](const error_code& error, std::size_t size) {
                                   self->waiting_.append(self->chunk_.data(), size);
                                   self->ended_ = static_cast<bool>(error);
                                   self->write();
                                   if (!error) {
                                       self->read();
                                   }
                               });
    }

    void hold(bool held) {
        held_ = held;
        write();
    }

private:
    void write() {
        if (held_ || writing_ || failed_) {
            return;
        }
        if (waiting_.empty()) {
            if (ended_) {
                error_code ignored;
                to_->shutdown(tcp::socket::shutdown_send, ignored);
            }
            return;
        }
        writing_ = true;
        out_.swap(waiting_);
        waiting_.clear();
        boost::asio::async_write(*to_, boost::asio::buffer(out_),
                                 [self = shared_from_this()](const error_code& error, std::size_t) {
                                     self->writing_ = false;
                                     if (error) {
                                         self->fail();
                                     } else {
                                         self->write();
                                     }
                                 });
    }

    void fail() {
        failed_ = true;
        error_code ignored;
        from_->close(ignored);
        to_->close(ignored);
    }

    std::shared_ptr<tcp::socket> from_, to_;
    std::array<char, 65536> chunk_{};
    std::string waiting_, out_;
    bool held_, writing_ = false, ended_ = false, failed_ = false;
};

struct Link {
    std::shared_ptr<tcp::socket> client, server;
    std::weak_ptr<Pump> requests, replies;
};

}  // namespace

class TcpProxy::Core {
public:
    explicit Core(int target_port) : target_(loopback(target_port)), acceptor_(io_, loopback(0)) {
        accept();
        thread_ = std::thread([this] { io_.run(); });
    }

    ~Core() {
        io_.stop();
        thread_.join();
    }

    int port() const { return acceptor_.local_endpoint().port(); }

    /// Does it on the thread and waits, so that what is written down about it is true.
    template <class Action>
    void run(Action action) {
        std::promise<void> done;
        boost::asio::post(io_, [&] {
            action();
            done.set_value();
        });
        done.get_future().wait();
    }

    void cut() {
        for (const auto& link : links_) {
            for (const auto& socket : {link.client, link.server}) {
                error_code ignored;
                socket->set_option(boost::asio::socket_base::linger(true, 0), ignored);
                socket->close(ignored);
            }
        }
        links_.clear();
    }

    void hold(bool requests, bool replies) {
        hold_requests_ = requests;
        hold_replies_ = replies;
        std::erase_if(links_, [](const Link& link) { return link.requests.expired() && link.replies.expired(); });
        for (const auto& link : links_) {
            if (const auto pump = link.requests.lock()) {
                pump->hold(requests);
            }
            if (const auto pump = link.replies.lock()) {
                pump->hold(replies);
            }
        }
    }

private:
    void accept() {
        acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
            if (!error) {
                connect(std::make_shared<tcp::socket>(std::move(socket)));
            }
            accept();
        });
    }

    void connect(std::shared_ptr<tcp::socket> client) {
        auto server = std::make_shared<tcp::socket>(io_);
        server->async_connect(target_, [this, client, server](const error_code& error) {
            error_code ignored;
            if (error) {
                client->close(ignored);
                return;
            }
            client->set_option(tcp::no_delay(true), ignored);
            server->set_option(tcp::no_delay(true), ignored);
            const auto requests = std::make_shared<Pump>(client, server, hold_requests_);
            const auto replies = std::make_shared<Pump>(server, client, hold_replies_);
            links_.push_back({client, server, requests, replies});
            requests->read();
            replies->read();
        });
    }

    boost::asio::io_context io_{1};
    tcp::endpoint target_;
    tcp::acceptor acceptor_;
    std::vector<Link> links_;
    bool hold_requests_ = false, hold_replies_ = false;
    std::thread thread_;
};

TcpProxy::TcpProxy(int target_port) : core_(std::make_unique<Core>(target_port)) {}
TcpProxy::~TcpProxy() = default;

int TcpProxy::port() const { return core_->port(); }

void TcpProxy::cut() {
    core_->run([this] { core_->cut(); });
}

void TcpProxy::hold(bool requests, bool replies) {
    core_->run([this, requests, replies] { core_->hold(requests, replies); });
}

}  // namespace eventy::ledger
