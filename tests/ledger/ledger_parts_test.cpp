// The parts of the ledger that stand alone: records, files, the plan, conduct, the proxy.
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "ledger/conduct.hpp"
#include "ledger/fault_plan.hpp"
#include "ledger/ledger_file.hpp"
#include "ledger/record.hpp"
#include "ledger/tcp_proxy.hpp"

namespace eventy::ledger {

namespace {

using boost::asio::ip::tcp;

TEST(LedgerRecord, ALineIsReadAsItWasWritten) {
    for (int i = 0; i <= static_cast<int>(What::two_places); ++i) {
        const Record record{.at = 12,
                            .who = "w1.2",
                            .what = static_cast<What>(i),
                            .token = "p1-7",
                            .id = 3,
                            .epoch = 4,
                            .attempt = 5,
                            .note = "words | and more"};
        EXPECT_EQ(parse_line(to_line(record)), record);
        EXPECT_EQ(parse_what(name_of(record.what)), record.what);
    }
    const Record bare{.at = 1, .who = "control", .what = What::cut};
    EXPECT_EQ(parse_line(to_line(bare)), bare);
}

TEST(LedgerRecord, HalfALineIsNone) {
    const auto line =
        to_line({.at = 12, .who = "w1.2", .what = What::start, .token = "p1-7", .id = 3, .note = "worker"});
    for (std::size_t size = 0; size < line.size(); ++size) {
        EXPECT_FALSE(parse_line(line.substr(0, size))) << size;
    }
}

TEST(LedgerFile, IsReadByTimeAndWithoutWhatWasCutOff) {
    std::string folder = (std::filesystem::temp_directory_path() / "eventy-ledger-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    {
        LedgerFile one(folder + "/one.ledger", "one"), two(folder + "/two.ledger", "two");
        one.append({.what = What::intend, .token = "a"});
        two.append({.what = What::intend, .token = "b"});
        one.append({.who = "w1.1", .what = What::killed});
        std::ofstream(folder + "/two.ledger", std::ios::app) << "99 two inten";
    }
    const auto records = read_ledger(folder);
    std::filesystem::remove_all(folder);
    ASSERT_EQ(records.size(), 3U);
    EXPECT_EQ(records[0].token, "a");
    EXPECT_EQ(records[1].who, "two");
    EXPECT_EQ(records[2].who, "w1.1");
}

TEST(LedgerPlan, IsTheSameForTheSameSeedAndContainsEachKind) {
    const PlanTerms terms{.seed = 7, .time = std::chrono::seconds(20)};
    const auto plan = plan_faults(terms);
    EXPECT_EQ(plan, plan_faults(terms));
    EXPECT_NE(plan, plan_faults({.seed = 8, .time = std::chrono::seconds(20)}));
    std::set<FaultKind> kinds;
    for (std::size_t i = 0; i < plan.size(); ++i) {
        kinds.insert(plan[i].kind);
        const auto quiet = plan[i].kind == FaultKind::kill_redis ? plan[i].lasts + std::chrono::milliseconds(1500)
                                                                 : std::chrono::milliseconds(0);
        EXPECT_TRUE(i + 1 == plan.size() || plan[i + 1].at > plan[i].at + quiet) << i;
        if (plan[i].kind == FaultKind::stop_worker) {
            EXPECT_GT(plan[i].lasts, terms.lease);
        }
        EXPECT_FALSE(describe(plan[i]).empty());
    }
    EXPECT_EQ(kinds.size(), 11U);
}

TEST(LedgerConduct, IsTheSameForTheSameSeedAndOfEachKind) {
    std::set<Conduct> kinds;
    for (int i = 0; i < 20000; ++i) {
        const auto token = "p1-" + std::to_string(i);
        const auto conduct = conduct_for(1, token, 1, "w1.1");
        kinds.insert(conduct);
        ASSERT_EQ(conduct, conduct_for(1, token, 1, "w1.1"));
        if (conduct == Conduct::kills_always) {
            EXPECT_EQ(conduct_for(1, token, 3, "w4.9"), Conduct::kills_always);
        }
    }
    EXPECT_EQ(kinds.size(), 10U);
    EXPECT_EQ(conduct_for(1, "feed-1", 1, "w1.1"), Conduct::quick);
}

/// A listener that the proxy forwards to, and a client of the proxy.
class LedgerProxy : public testing::Test {
protected:
    LedgerProxy()
        : acceptor_(io_, {boost::asio::ip::address_v4::loopback(), 0}), proxy_(acceptor_.local_endpoint().port()) {
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

TEST_F(LedgerProxy, ForwardsBothWays) {
    say(client_, "hello");
    EXPECT_EQ(hear(server_, 5), "hello");
    say(server_, "you too");
    EXPECT_EQ(hear(client_, 7), "you too");
}

TEST_F(LedgerProxy, OneWayIsHeldAndTheOtherFlows) {
    proxy_.hold(false, true);
    say(server_, "late");
    say(client_, "soon");
    EXPECT_EQ(hear(server_, 4), "soon");  // by now the other way would have come, too
    EXPECT_TRUE(is_silent(client_));
    proxy_.flow();
    EXPECT_EQ(hear(client_, 4), "late");
}

TEST_F(LedgerProxy, WhatASideSentBeforeItClosedArrivesLate) {
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

TEST_F(LedgerProxy, ACutEndsBothSidesAndANewConnectionIsFine) {
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

}  // namespace

}  // namespace eventy::ledger
