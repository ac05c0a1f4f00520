// The Redis server behind RedisStore: its clock, which the test sets, and its keys, past the store.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "redis/keys.hpp"
#include "redis/script.hpp"
#include "support/redis_server.hpp"

namespace eventy::test {

/// Scripts read the clock from a key (settable_time.lua).
class RedisKeys {
public:
    RedisKeys();

    struct Group {
        EventId cursor = -1;
        std::map<EventId, std::int64_t> leases = {}, delayed = {};
        std::map<EventId, std::string> held = {};
        std::set<EventId> open = {}, dead = {};
        std::int64_t markers = 0;
    };
    struct Contents {
        EventId counter = 0;
        std::set<EventId> index = {};
        std::int64_t indexed = 0;  // how many entries the index should have, as our scripts counted
        bool reindexing = false;
        std::map<std::string, Group> groups = {};
        std::vector<std::string> keys = {};  // "key expires type"
    };

    RedisServer& server() { return server_; }
    /// An empty database for a queue.
    void begin(const QueueName&);
    void set_time(std::int64_t us);
    Contents look();
    /// What workers do once in a while: takes what expired out of all sets.
    void sweep();

    /// What is wrong with the keys, in words; empty: every (event, group) is where the model has it and in one place
    /// only, nobody sleeps beside work, and every key expires or belongs to the queue.
    std::string disagreement(const Contents&, const Model&, int max_lost_leases) const;
    /// Nothing that expired is in any set any more (a lease that goes on does not count).
    static bool clean(const Contents&, const Model&);

private:
    RedisValue run(const redis::Script&, const std::vector<std::string>& keys,
                   const std::vector<std::string>& arguments);
    std::string group_disagreement(const std::string& name, const Group&, const Model&, bool clean) const;

    RedisServer server_;
    QueueName name_{"model", "T"};
    redis::Keys keys_{name_};
};

}  // namespace eventy::test
