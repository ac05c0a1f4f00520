#include <gtest/gtest.h>

#include <eventy/error.hpp>

#include "redis/client/client_options.hpp"

namespace eventy::redis {
namespace {

using namespace std::chrono_literals;

std::string refusal(std::string_view url) {
    try {
        ClientOptions::from_url(url);
    } catch (const Error& error) {
        return error.code() == errc::invalid_argument ? error.what() : "another code";
    }
    return "accepted";
}

TEST(Url, Defaults) {
    const auto options = ClientOptions::from_url("redis://localhost");
    EXPECT_EQ(options.host, "localhost");
    EXPECT_EQ(options.port, 6379);
    EXPECT_EQ(options.db, 0);
    EXPECT_EQ(options.username, "");
    EXPECT_EQ(options.password, "");
    EXPECT_EQ(options.unix_socket, "");
}

TEST(Url, AllParts) {
    const auto options = ClientOptions::from_url("REDIS://al%69ce:s%3Ae%40c%2Fr%25et@redis.example.com:7000/12");
    EXPECT_EQ(options.host, "redis.example.com");
    EXPECT_EQ(options.port, 7000);
    EXPECT_EQ(options.db, 12);
    EXPECT_EQ(options.username, "alice");
    EXPECT_EQ(options.password, "s:e@c/r%et");
}

TEST(Url, PasswordAlone) {
    const auto options = ClientOptions::from_url("redis://:p@ss:w@host/");
    EXPECT_EQ(options.username, "");
    EXPECT_EQ(options.password, "p@ss:w");
    EXPECT_EQ(options.host, "host");
}

TEST(Url, Ipv6) {
    const auto options = ClientOptions::from_url("redis://[::1]:7000/1");
    EXPECT_EQ(options.host, "::1");
    EXPECT_EQ(options.port, 7000);
    EXPECT_EQ(ClientOptions::from_url("redis://[fe80::1]").host, "fe80::1");
    EXPECT_EQ(describe(options), "redis [::1]:7000/1");
}

TEST(Url, UnixSocket) {
    auto options = ClientOptions::from_url("unix:///run/my%20redis.sock?db=3");
    EXPECT_EQ(options.unix_socket, "/run/my redis.sock");
    EXPECT_EQ(options.db, 3);
    EXPECT_EQ(describe(options), "redis unix:/run/my redis.sock/3");
    options = ClientOptions::from_url("unix://user:pass@/run/redis.sock");
    EXPECT_EQ(options.unix_socket, "/run/redis.sock");
    EXPECT_EQ(options.username, "user");
    EXPECT_EQ(options.password, "pass");
}

TEST(Url, RefusesWhatIsWrongAndSaysWhat) {
    const auto expect = [](std::string_view url, std::string_view words) {
        EXPECT_NE(refusal(url).find(words), std::string::npos) << url << " -> " << refusal(url);
    };
    expect("", "redis:// or unix://");
    expect("localhost:6379", "redis:// or unix://");
    expect("http://localhost", "unknown scheme");
    expect("rediss://localhost", "TLS (rediss://) is not supported yet");
    expect("redis://", "host is missing");
    expect("redis://:6379", "host is missing");
    expect("redis:///1", "host is missing");
    expect("redis://host:0", "between 1 and 65535");
    expect("redis://host:70000", "between 1 and 65535");
    expect("redis://host:-1", "between 1 and 65535");
    expect("redis://host:", "between 1 and 65535");
    expect("redis://host:abc", "between 1 and 65535");
    expect("redis://host:6379x", "between 1 and 65535");
    expect("redis://host:99999999999999999999", "between 1 and 65535");
    expect("redis://host/abc", "database has to be a number");
    expect("redis://host/-1", "database has to be a number");
    expect("redis://host/1/2", "database has to be a number");
    expect("redis://host/99999999999", "database has to be a number");
    expect("redis://host?db=1", "nothing that can be set");
    expect("redis://host/1#x", "'#'");
    expect("redis://::1:6379", "[brackets]");
    expect("redis://[::1", "']'");
    expect("redis://[::1]6379", "only a port");
    expect("redis://[]", "host is missing");
    expect("redis://ho%2", "percent sign");
    expect("redis://ho%zz", "percent sign");
    expect("redis://ho%00st", "unprintable");
    expect("redis://ho st", "blanks");
    expect("redis://user@host", "user:password or :password");
    expect("unix://", "begin with '/'");
    expect("unix:///", "begin with '/'");
    expect("unix://run/redis.sock", "begin with '/'");
    expect("unix:///run/redis.sock?timeout=3", "only db=NUMBER");
    expect("unix:///run/redis.sock?db=", "database has to be a number");
    expect("unix:///" + std::string(200, 'x'), "Unix socket");
}

TEST(Url, NeverShowsThePassword) {
    for (const auto* const url :
         {"redis://:hunter2@host:0", "redis://user:hunter2@host:70000", "redis://user:hunter2@host/x",
          "redis://:hunter2", "redis://user:hun/ter2@host", "redis://user:hun?ter2@host", "redis://user:hun#ter2@host",
          "rediss://:hunter2@h", "redis:/user:hunter2@host", ":hunter2@host", "redis://user:hun%zzter2@host",
          "hunter2@host", "unix://:hunter2@run/x", "redis://hunter2@host", "redis://:hunter2@"}) {
        const auto message = refusal(url);
        EXPECT_EQ(message.find("ter2"), std::string::npos) << message;
        EXPECT_NE(message, "accepted") << url;
    }
}

TEST(Options, Validated) {
    const auto refused = [](auto change) {
        ClientOptions options;
        change(options);
        try {
            validate(options);
        } catch (const Error& error) {
            return error.code() == errc::invalid_argument;
        }
        return false;
    };
    EXPECT_FALSE(refused([](ClientOptions&) {}));
    EXPECT_TRUE(refused([](ClientOptions& o) { o.host = ""; }));
    EXPECT_TRUE(refused([](ClientOptions& o) { o.host = std::string(300, 'h'); }));
    EXPECT_TRUE(refused([](ClientOptions& o) { o.port = 0; }));
    EXPECT_TRUE(refused([](ClientOptions& o) { o.port = 70000; }));
    EXPECT_TRUE(refused([](ClientOptions& o) { o.db = -1; }));
    EXPECT_TRUE(refused([](ClientOptions& o) { o.client_name = "two words"; }));
    EXPECT_TRUE(refused([](ClientOptions& o) { o.connect_timeout = 0ms; }));
    EXPECT_TRUE(refused([](ClientOptions& o) { o.command_timeout = -1ms; }));
    EXPECT_TRUE(refused([](ClientOptions& o) { o.command_timeout = milliseconds::max(); }));
    EXPECT_TRUE(refused([](ClientOptions& o) { o.unix_socket = std::string(200, '/'); }));
    // Host and port are not used with a Unix socket.
    EXPECT_FALSE(refused([](ClientOptions& o) {
        o.unix_socket = "/x";
        o.port = 0;
    }));
}

TEST(Options, PasswordIsTakenOutOfForeignWords) {
    ClientOptions options;
    EXPECT_EQ(without_password("ERR secret", options), "ERR secret");
    options.password = "secret";
    EXPECT_EQ(without_password("ERR 'secret' and 'secret'", options), "ERR '***' and '***'");
    options.password = "*";
    EXPECT_EQ(without_password("a*b", options), "a***b");
}

}  // namespace
}  // namespace eventy::redis
