// What a queue does when Redis is there and says that it cannot: each answer made by a real server.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "queue/backends.hpp"

namespace eventy::test {
namespace {

/// A connection that says one thing and does not wait for the answer.
class Said {
public:
    Said(int port, const std::vector<std::string>& words) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        std::string wire = "*" + std::to_string(words.size()) + "\r\n";
        for (const auto& word : words) {
            wire += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
        }
        const bool said = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                          ::send(socket_, wire.data(), wire.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(wire.size());
        EXPECT_TRUE(said);
    }
    ~Said() { ::close(socket_); }
    Said(const Said&) = delete;
    Said& operator=(const Said&) = delete;

private:
    int socket_;
};

class ServerStates : public ::testing::Test {
protected:
    ServerStates() {
        set_logger([this](LogLevel, std::string_view line) { logged_.add(std::string(line)); });
    }
    ~ServerStates() override { set_logger(nullptr); }

    RedisEventQueue<Order> open(milliseconds command_timeout = patience) {
        redis::ClientOptions options;
        options.port = server_.port();
        options.command_timeout = command_timeout;
        options.username = username_;
        options.password = username_.empty() ? "" : "secret";
        return RedisEventQueue<Order>({.redis_client = std::make_shared<redis::Client>(options),
                                       .key_prefix = "{t}",  // one slot, for a Redis that is part of a cluster
                                       .concurrency = 2});
    }
    bool was_logged(std::string_view words) {
        for (const auto& line : logged_.now()) {
            if (line.find(words) != std::string::npos) {
                return true;
            }
        }
        return false;
    }

    /// A worker holds an event and others publish while the server refuses; once it does not, all is as if nothing had
    /// been: the outcome is stored, the events have their ids in the order of publishing, and nothing ran twice.
    void outlast(const std::function<void()>& refuse, const std::string& its_word, const std::function<void()>& mend) {
        const auto queue = open();
        Seen<EventId> handled;
        Signal begun;
        Signal go_on;
        const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) {
            handled.add(event.id);
            if (event.id == 1) {
                begun.set();
                EXPECT_TRUE(go_on.wait());
            }
        });
        (void)queue.publish({});
        ASSERT_TRUE(begun.wait());
        refuse();
        Seen<EventId> published;
        std::thread publisher([&] {
            for (int i = 0; i < 5; ++i) {
                published.add(queue.publish({}).id);
            }
        });
        go_on.set();
        const auto hasty = open_lazily(1s);
        std::string what;
        EXPECT_EQ(thrown([&] { (void)hasty.publish({}); }, &what), errc::timeout);
        EXPECT_NE(what.find(its_word), std::string::npos) << what;
        EXPECT_TRUE(was_logged(its_word));
        EXPECT_TRUE(published.now().empty());
        mend();
        publisher.join();
        EXPECT_EQ(published.now(), (std::vector<EventId>{2, 3, 4, 5, 6}));
        ASSERT_TRUE(queue.wait_idle(patience));
        auto ran = handled.now();
        std::sort(ran.begin(), ran.end());
        EXPECT_EQ(ran, (std::vector<EventId>{1, 2, 3, 4, 5, 6}));
        EXPECT_EQ(queue.count_events({.status = EventStatus::processed}), 6);
        EXPECT_EQ(queue.get_event(1).attempt, 1);
    }
    RedisEventQueue<Order> open_lazily(milliseconds command_timeout) {
        redis::ClientOptions options;
        options.port = server_.port();
        options.command_timeout = command_timeout;
        return RedisEventQueue<Order>({.redis_client = std::make_shared<redis::Client>(options),
                                       .key_prefix = "{t}",
                                       .concurrency = 1,
                                       .lazy_connect = true});
    }

    std::string username_;
    Seen<std::string> logged_;
    RedisServer server_{
        RedisServer::Options{.arguments = {"--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024",
                                           "--aof-use-rdb-preamble", "no"},
                             .append_only = true}};
};

TEST_F(ServerStates, AReplicaIsWaitedForUntilItIsTheMaster) {
    outlast([&] { server_.must({"REPLICAOF", "127.0.0.1", "1"}); }, "READONLY",
            [&] { server_.must({"REPLICAOF", "NO", "ONE"}); });
}

TEST_F(ServerStates, AReplicaWithoutItsMasterIsWaitedFor) {
    outlast(
        [&] {
            server_.must({"CONFIG", "SET", "replica-serve-stale-data", "no"});
            server_.must({"REPLICAOF", "127.0.0.1", "1"});
        },
        "MASTERDOWN", [&] { server_.must({"REPLICAOF", "NO", "ONE"}); });
}

TEST_F(ServerStates, AMasterWithoutEnoughReplicasIsWaitedFor) {
    outlast([&] { server_.must({"CONFIG", "SET", "min-replicas-to-write", "1"}); }, "NOREPLICAS",
            [&] { server_.must({"CONFIG", "SET", "min-replicas-to-write", "0"}); });
}

TEST_F(ServerStates, AnEndlessScriptOfOthersIsWaitedFor) {
    server_.must({"CONFIG", "SET", "lua-time-limit", "10"});
    std::optional<Said> script;
    outlast(
        [&] {
            script.emplace(server_.port(), std::vector<std::string>{"EVAL", "while true do end", "0"});
            ASSERT_TRUE(eventually([&] { return server_.command({"PING"}).is_error(); }));
        },
        "BUSY", [&] { server_.must({"SCRIPT", "KILL"}); });
}

TEST_F(ServerStates, AFullHouseIsWaitedFor) {
    outlast(
        [&] {
            server_.must({"CONFIG", "SET", "maxclients", "1"});
            server_.must({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
        },
        "max number of clients", [&] { server_.must({"CONFIG", "SET", "maxclients", "100"}); });
}

TEST_F(ServerStates, AServerThatLoadsItsDataIsWaitedFor) {
    const auto queue = open();
    Seen<EventId> handled;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) { handled.add(event.id); });
    for (int i = 0; i < 20; ++i) {
        (void)queue.publish_all(std::vector<Order>(20));
    }
    ASSERT_TRUE(queue.wait_idle(patience));
    server_.kill9();
    Seen<EventId> published;
    std::thread publisher([&] { published.add(queue.publish({}).id); });
    server_.start();  // ready when it has loaded all
    publisher.join();
    EXPECT_EQ(published.now(), (std::vector<EventId>{401}));
    EXPECT_EQ(handled.wait_for(401).size(), 401U);
    EXPECT_TRUE(was_logged("LOADING"));
}

TEST_F(ServerStates, AClusterThatIsDownIsWaitedFor) {
    const std::string free_port = std::to_string(server_.port());
    server_.stop();
    RedisServer cluster(std::vector<std::string>{"--cluster-enabled", "yes", "--cluster-port", free_port});
    redis::ClientOptions options;
    options.port = cluster.port();
    options.command_timeout = patience;
    const RedisEventQueue<Order> queue(
        {.redis_client = std::make_shared<redis::Client>(options), .key_prefix = "{t}", .concurrency = 2});
    Seen<EventId> handled;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) { handled.add(event.id); });
    ASSERT_TRUE(eventually([&] { return was_logged("CLUSTERDOWN"); }));
    cluster.must({"CLUSTER", "ADDSLOTSRANGE", "0", "16383"});
    EXPECT_EQ(queue.publish({}).id, 1);
    EXPECT_EQ(handled.wait_for(1).size(), 1U);
}

TEST_F(ServerStates, APasswordThatWeDoNotKnowIsSaidAtOnceUntilItIsGone) {
    const auto queue = open();
    Seen<EventId> handled;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) { handled.add(event.id); });
    (void)queue.publish({});
    ASSERT_EQ(handled.wait_for(1).size(), 1U);
    server_.must({"CONFIG", "SET", "requirepass", "secret"});
    server_.must({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    std::string what;
    ASSERT_TRUE(eventually([&] { return thrown([&] { (void)queue.publish({}); }, &what) == errc::connection; }));
    EXPECT_NE(what.find("requires a password"), std::string::npos) << what;
    EXPECT_EQ(thrown([&] { (void)queue.get_event(1); }), errc::connection);
    EXPECT_TRUE(was_logged("requires a password"));
    server_.must({"CONFIG", "SET", "requirepass", ""});
    ASSERT_TRUE(eventually([&] { return !thrown([&] { (void)queue.publish({}); }); }));
    EXPECT_GE(handled.wait_for(2).size(), 2U);
}

TEST_F(ServerStates, APermissionThatIsTakenAwayIsSaidAndItsReturnNoticed) {
    server_.must({"ACL", "SETUSER", "clerk", "on", ">secret", "~*", "&*", "+@all"});
    username_ = "clerk";
    const auto queue = open();
    Seen<EventId> handled;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) { handled.add(event.id); });
    (void)queue.publish({});
    ASSERT_EQ(handled.wait_for(1).size(), 1U);
    server_.must({"ACL", "SETUSER", "clerk", "-evalsha", "-eval"});
    std::string what;
    EXPECT_EQ(thrown([&] { (void)queue.publish({}); }, &what), errc::server);
    EXPECT_NE(what.find("NOPERM"), std::string::npos) << what;
    EXPECT_EQ(what.find("secret"), std::string::npos) << what;
    ASSERT_TRUE(eventually([&] { return was_logged("the worker tries again"); }));
    server_.must({"ACL", "SETUSER", "clerk", "+@all"});
    EXPECT_EQ(queue.publish({}).id, 2);
    EXPECT_EQ(handled.wait_for(2).size(), 2U);
    ASSERT_TRUE(queue.wait_idle(patience));
}

TEST_F(ServerStates, ADiskThatCannotBeWrittenIsSaidAndTheDataCanBeRead) {
    const auto queue = open();
    Seen<EventId> handled;
    const auto subscription = queue.subscribe([&](const QueueEvent<Order>& event) { handled.add(event.id); });
    (void)queue.publish({});
    ASSERT_EQ(handled.wait_for(1).size(), 1U);
    ASSERT_TRUE(queue.wait_idle(patience));
    std::filesystem::create_directory(server_.folder() + "/dump.rdb");  // in the way of the snapshot's file
    server_.must({"CONFIG", "SET", "save", "3600 1"});
    server_.must({"BGSAVE"});
    ASSERT_TRUE(eventually([&] { return server_.command({"PING"}).is_error(); }));
    server_.must({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    std::string what;
    EXPECT_EQ(thrown([&] { (void)queue.publish({}); }, &what), errc::server);
    EXPECT_NE(what.find("MISCONF"), std::string::npos) << what;
    EXPECT_EQ(queue.get_event(1).status, EventStatus::processed);
    server_.must({"CONFIG", "SET", "save", ""});
    EXPECT_EQ(queue.publish({}).id, 2);
    EXPECT_EQ(handled.wait_for(2).size(), 2U);
}

}  // namespace
}  // namespace eventy::test
