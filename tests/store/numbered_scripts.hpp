// The scripts of numbered calls, as clients call them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "store/redis_fixture.hpp"

namespace eventy::test {

namespace scripts = redis::scripts;

/// One client calls, "c1", or whoever is said.
class NumberedScripts : public RedisStoreTest {
protected:
    using RedisStoreTest::RedisStoreTest;

    std::int64_t copies_live = 35'000;  // ms, from when they are sent

    std::string record(const std::string& client = "c1") { return keys().call_record_start + client; }

    RedisValue publish_call(int number, int base, const std::vector<std::string>& payloads,
                            const std::string& client = "c1") {
        std::vector<std::string> arguments = {
            std::to_string(number), std::to_string(base), "70000",        not_after(),        "3600000", "w", "1",
            keys().event_start,     keys().wake_start,    keys().channel, keys().dedup_start, "0"};
        arguments.insert(arguments.end(), payloads.begin(), payloads.end());
        return eval(scripts::publish,
                    {keys().meta, keys().counter, keys().index, keys().groups, keys().idle, record(client)}, arguments);
    }
    RedisValue take_call(int number, int base, int max) {
        return eval(scripts::take,
                    {keys().meta, keys().counter, keys().index, keys().groups, keys().idle, record(), group().leases,
                     group().held, group().delayed, group().open, group().dead, group().wake},
                    {std::to_string(number), std::to_string(base), "70000", not_after(), "default", std::to_string(max),
                     "1000000", "10000", "3600000", "w", "16777216", keys().event_start, keys().channel, "3", "0"});
    }
    RedisValue settle_call(int number, int base, const std::string& id, const std::string& epoch,
                           const std::string& verdict = "p") {
        return eval(scripts::settle,
                    {keys().meta, keys().index, keys().groups, keys().idle, record(), group().leases, group().held,
                     group().delayed, group().open, group().dead, group().wake},
                    {std::to_string(number), std::to_string(base), "70000", not_after(), "default", "w", "3600000",
                     keys().event_start, keys().channel, "1", id, epoch, verdict, "0", "0"});
    }
    RedisValue discard_call(int number, int base, const std::string& id) {
        return eval(scripts::discard, {keys().meta, keys().index, keys().groups, record()},
                    {std::to_string(number), std::to_string(base), "70000", not_after(), "3600000", keys().event_start,
                     keys().leases_start, keys().delayed_start, keys().open_start, keys().dead_start, keys().held_start,
                     keys().channel, "w", "unwanted", id});
    }
    RedisValue retry_call(int number, int base, const std::string& id) {
        return eval(scripts::retry, {keys().meta, keys().index, keys().groups, keys().idle, record()},
                    {std::to_string(number), std::to_string(base), "70000", not_after(), "3600000", keys().event_start,
                     keys().delayed_start, keys().open_start, keys().dead_start, keys().held_start, keys().wake_start,
                     "0", id});
    }
    std::string not_after() { return std::to_string(now_ms() + copies_live); }
    static std::string state(const RedisValue& reply) { return reply.items.at(0).text; }
    static std::vector<std::string> taken_ids(const RedisValue& reply) {
        std::vector<std::string> ids;
        for (std::size_t i = 0; i < reply.items.at(8).items.size(); i += 3) {
            ids.push_back(reply.items.at(8).items[i].text);
        }
        return ids;
    }

    std::int64_t events() { return static_cast<std::int64_t>(redis({"KEYS", keys().event_start + "*"}).items.size()); }
};

}  // namespace eventy::test
