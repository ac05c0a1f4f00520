// A name that leads to several servers.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <netdb.h>

#include <cstring>

#include "redis_client/client_fixture.hpp"
#include "support/redis_server.hpp"

namespace {

using GetAddrInfo = int (*)(const char*, const char*, const addrinfo*, addrinfo**);

}  // namespace

/// In the place of the system's in this program: "two.test" leads to 127.0.0.1 and 127.0.0.2, in this order.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
    static const auto real = reinterpret_cast<GetAddrInfo>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    if (node == nullptr || std::strcmp(node, "two.test") != 0) {
        return real(node, service, hints, result);
    }
    const int first = real("127.0.0.1", service, hints, result);
    if (first != 0) {
        return first;
    }
    addrinfo* last = *result;
    while (last->ai_next != nullptr) {
        last = last->ai_next;
    }
    return real("127.0.0.2", service, hints, &last->ai_next);
}

namespace eventy::redis::test {
namespace {

using eventy::test::RedisServer;

TEST(Addresses, AReplicaBehindANameIsLeftForTheNextAddress) {
    RedisServer one;
    RedisServer other(std::vector<std::string>{"--port", std::to_string(one.port()), "--bind", "127.0.0.2"});
    auto options = options_for(one.port());
    options.host = "two.test";
    TestClient client(options);
    EXPECT_EQ(client.ask({"SET", "where", "one"}).value().text, "OK");
    EXPECT_EQ(one.must({"GET", "where"}).text, "one");
    one.must({"REPLICAOF", "127.0.0.1", "1"});  // a failover: the name leads to both still
    EXPECT_EQ(client.ask({"SET", "where", "other"}).value().text, "OK");
    EXPECT_EQ(other.must({"GET", "where"}).text, "other");
    other.must({"REPLICAOF", "127.0.0.1", "1"});
    one.must({"REPLICAOF", "NO", "ONE"});  // and back
    EXPECT_EQ(client.ask({"SET", "where", "one again"}).value().text, "OK");
    EXPECT_EQ(one.must({"GET", "where"}).text, "one again");
    client.close();
}

}  // namespace
}  // namespace eventy::redis::test
