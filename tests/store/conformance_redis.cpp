// The conformance suite on the store in Redis: a real server, one for the program, and a client for each session.
#include <eventy/redis.hpp>

#include "store/store_fixture.hpp"
#include "support/redis_server.hpp"

namespace eventy::test {

namespace {

RedisServer& server() {
    static RedisServer the_server;
    return the_server;
}

class RedisBed final : public StoreBed {
public:
    std::shared_ptr<Backend> connect() override {
        redis::ClientOptions options;
        options.port = server().port();
        return redis::Client(options).backend();
    }

    void pass(milliseconds duration) override {
        // Redis's own clock is the condition; nothing here is timed by the test's.
        const Timestamp end = now() + duration;
        while (now() < end) {
        }
    }

    Timestamp now() override {
        const RedisValue time = server().must({"TIME"});
        return Timestamp::time_point(std::chrono::seconds(std::stoll(time.items.at(0).text)) +
                                     std::chrono::microseconds(std::stoll(time.items.at(1).text)));
    }

    std::string fresh_prefix() override { return "test" + std::to_string(++prefixes_); }

private:
    static inline int prefixes_ = 0;
};

const BedFactory factory{"redis", [] { return std::make_unique<RedisBed>(); }};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Stores, StoreConformance, ::testing::Values(factory), bed_name);
INSTANTIATE_TEST_SUITE_P(Stores, Histories, ::testing::Values(factory), bed_name);

}  // namespace eventy::test
