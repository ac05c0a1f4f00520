// What the tests of the Redis store's own sides share: a server for each test, and a look behind the store.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "redis/keys.hpp"
#include "redis/redis_backend.hpp"
#include "redis/scripts.hpp"
#include "store/store_fixture.hpp"
#include "support/redis_server.hpp"

namespace eventy::test {

class RedisStoreTest : public ::testing::Test {
protected:
    explicit RedisStoreTest(RedisServer::Options = {});
    void TearDown() override;  // says the history of a failure

    /// A further process on the queue, with a client of its own.
    std::unique_ptr<Session> open(redis::ClientOptions = {}, detail::StoreSettings = {},
                                  redis::RedisStore::Limits = {});
    /// The same, by another way to the server.
    std::unique_ptr<Session> open_over(int port, redis::RedisStore::Limits = {});

    RedisServer& server() { return server_; }
    /// A command past the store; an error reply throws.
    RedisValue redis(const std::vector<std::string>& command) { return server_.must(command); }
    /// Runs a script as it is, whoever sends it.
    RedisValue eval(const redis::Script&, const std::vector<std::string>& keys,
                    const std::vector<std::string>& arguments);

    const redis::Keys& keys() const { return keys_; }
    const redis::GroupKeys& group() const { return group_; }
    std::string event_key(EventId id) const { return keys_.event(id); }
    std::int64_t now_ms();
    /// Everything in the database: key -> serialized value. Two equal ones: nothing was written between them.
    std::map<std::string, std::string> contents();
    /// How often the server has run it, whoever sent it.
    std::int64_t calls_of(const std::string& command);

    /// Publishes so many, each with its number as payload.
    std::vector<EventId> publish(Session&, int count);

private:
    std::unique_ptr<Session> open_at(redis::ClientOptions, detail::StoreSettings, redis::RedisStore::Limits);

    RedisServer server_;
    const std::shared_ptr<History> history_ = std::make_shared<History>();
    const QueueName name_{"shop", "Order"};
    const redis::Keys keys_{name_};
    const redis::GroupKeys group_ = keys_.of_group("default");
    int sessions_ = 0;
};

/// Collects what is logged while it lives. One at a time.
class LogCapture {
public:
    LogCapture();
    ~LogCapture();
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;
    /// Lines that contain this.
    int count(const std::string& part) const;

private:
    struct Lines;
    std::shared_ptr<Lines> lines_;
};

}  // namespace eventy::test
