// The registry of event types, where others had their hands in it.
#include "store/redis_fixture.hpp"

namespace eventy::test {
namespace {

class RedisRegistry : public RedisStoreTest {
protected:
    static constexpr const char* key = "shop:queue_types";

    detail::Failure failing_registration(Session& session) {
        const auto result = session.call<Done>(
            [](Store& store, Callback<Done> done) { store.add_type(std::nullopt, std::move(done)); });
        return result.ok() ? detail::Failure{} : result.failure();
    }
};

TEST_F(RedisRegistry, SomethingElseInItsPlaceIsAClearError) {
    const auto session = open();
    redis({"SET", key, "mine"});
    const detail::Failure failure = failing_registration(*session);
    EXPECT_EQ(failure.code, errc::server);
    EXPECT_EQ(failure.message, "SADD at redis 127.0.0.1:" + std::to_string(server().port()) +
                                   "/0: key 'shop:queue_types' holds something else where Eventy keeps a set of event "
                                   "types; delete or rename that key");
    EXPECT_EQ(redis({"GET", key}).text, "mine");
    redis({"DEL", key});
    session->add_type();
    EXPECT_EQ(redis({"SMEMBERS", key}).texts(), std::vector<std::string>{"Order"});
}

TEST_F(RedisRegistry, ATtlOnItIsTakenOff) {
    const auto session = open();
    session->add_type();
    redis({"PEXPIRE", key, "3600000"});
    session->add_type();
    session->stats();  // answered behind what was sent before
    EXPECT_EQ(redis({"PTTL", key}).integer, -1);
}

}  // namespace
}  // namespace eventy::test
