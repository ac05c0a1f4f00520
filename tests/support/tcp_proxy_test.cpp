#include "support/tcp_proxy.hpp"

#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <string>

namespace eventy::test {
namespace {

using boost::asio::ip::tcp;

/// A listener that the proxy forwards to, and a client of the proxy.
class Proxy : public testing::Test {
protected:
    Proxy() : acceptor_(io_, {boost::asio::ip::address_v4::loopback(), 0}), proxy_(acceptor_.local_endpoint().port()) {
        client_.connect({boost::asio::ip::address_v4::loopback(), static_cast<unsigned short>(proxy_.port())});
        acceptor_.accept(server_);
    }

    static void say(tcp::socket& socket, const std::string& words) {
        boost::asio::write(socket, boost::asio::buffer(words));
    }
    static std::string hear(tcp::socket& socket, std::size_t size) {
        std::string words(size, ' ');
        boost::asio::read(socket, boost::asio::buffer(words));
        return words;
    }
    /// What comes back from the other end of a second connection is later than what was not held.
    bool is_silent(tcp::socket& socket) {
        socket.non_blocking(true);
        char c = 0;
        boost::system::error_code error;
        socket.read_some(boost::asio::buffer(&c, 1), error);
        socket.non_blocking(false);
        return error == boost::asio::error::would_block;
    }

    boost::asio::io_context io_;
    tcp::acceptor acceptor_;
    TcpProxy proxy_;
    tcp::socket client_{io_}, server_{io_};
};

TEST_F(Proxy, ForwardsBothWays) {
    say(client_, "hello");
    EXPECT_EQ(hear(server_, 5), "hello");
    say(server_, "you too");
    EXPECT_EQ(hear(client_, 7), "you too");
}

TEST_F(Proxy, OneWayIsHeldAndTheOtherFlows) {
    proxy_.hold(false, true);
    say(server_, "late");
    say(client_, "soon");
    EXPECT_EQ(hear(server_, 4), "soon");  // by now the other way would have come, too
    EXPECT_TRUE(is_silent(client_));
    proxy_.flow();
    EXPECT_EQ(hear(client_, 4), "late");
}

TEST_F(Proxy, WhatASideSentBeforeItClosedArrivesLate) {
    proxy_.hold(true, true);
    say(client_, "last words");
    client_.close();
    proxy_.flow();
    EXPECT_EQ(hear(server_, 10), "last words");
    boost::system::error_code error;
    char c = 0;
    server_.read_some(boost::asio::buffer(&c, 1), error);
    EXPECT_TRUE(error);
}

TEST_F(Proxy, ACutEndsBothSidesAndANewConnectionIsFine) {
    say(client_, "hello");
    EXPECT_EQ(hear(server_, 5), "hello");
    proxy_.cut();
    boost::system::error_code error;
    char c = 0;
    client_.read_some(boost::asio::buffer(&c, 1), error);
    EXPECT_TRUE(error);
    server_.read_some(boost::asio::buffer(&c, 1), error);
    EXPECT_TRUE(error);
    tcp::socket again(io_), its_server(io_);
    again.connect({boost::asio::ip::address_v4::loopback(), static_cast<unsigned short>(proxy_.port())});
    acceptor_.accept(its_server);
    say(again, "hello");
    EXPECT_EQ(hear(its_server, 5), "hello");
}

TEST_F(Proxy, WhileItRefusesConnectionsEndAtOnce) {
    proxy_.refuse();
    tcp::socket again(io_), later(io_), its_server(io_);
    const tcp::endpoint there(boost::asio::ip::address_v4::loopback(), static_cast<unsigned short>(proxy_.port()));
    boost::system::error_code error;
    char c = 0;
    client_.read_some(boost::asio::buffer(&c, 1), error);
    EXPECT_TRUE(error);
    again.connect(there);
    again.read_some(boost::asio::buffer(&c, 1), error);
    EXPECT_TRUE(error);
    proxy_.flow();
    later.connect(there);
    acceptor_.accept(its_server);
    say(later, "hello");
    EXPECT_EQ(hear(its_server, 5), "hello");
}

TEST_F(Proxy, CutsBehindAByteOverAllConnectionsAndOnce) {
    TcpProxy cutting(acceptor_.local_endpoint().port(), TcpProxy::Way::requests, 8);
    const tcp::endpoint there(boost::asio::ip::address_v4::loopback(), static_cast<unsigned short>(cutting.port()));
    for (const bool cut : {false, true, false}) {
        tcp::socket client(io_), server(io_);
        client.connect(there);
        acceptor_.accept(server);
        say(server, "not counted");
        EXPECT_EQ(hear(client, 11), "not counted");
        say(client, "hello");
        EXPECT_EQ(hear(server, cut ? 3 : 5), cut ? "hel" : "hello");
        if (cut) {
            boost::system::error_code error;
            char c = 0;
            server.read_some(boost::asio::buffer(&c, 1), error);
            EXPECT_TRUE(error);
            client.read_some(boost::asio::buffer(&c, 1), error);
            EXPECT_TRUE(error);
        }
        EXPECT_EQ(cutting.has_cut(), cut || cutting.carried(TcpProxy::Way::requests) > 8);
    }
    EXPECT_EQ(cutting.carried(TcpProxy::Way::requests), 13);
    EXPECT_EQ(cutting.carried(TcpProxy::Way::replies), 33);
}

}  // namespace
}  // namespace eventy::test
