// Keeps every worker busy around a restart of Redis, and asks whether all is done.
#pragma once
#include <memory>
#include <string>
#include <thread>

#include "ledger/ledger_file.hpp"
#include "ledger/terms.hpp"

namespace eventy::ledger {

/// Publishes from the experiment's own process, without a proxy. One thread.
class Feeder {
public:
    Feeder(std::string server, int redis_port, int workers, const std::string& folder);

    /// As many events as all handlers need a second or so for. Returns when they are published.
    void publish_backlog();
    /// For 1.3 s about as many as all handlers together can do; in the background.
    void feed();
    void wait();

    /// Nothing is pending or leased in any group, and what expires is gone, as the queues themselves say; false when
    /// Redis does not answer.
    bool idle() const;

private:
    /// So many for each worker.
    void publish(int entries, int chores);
    template <class T>
    void publish(const EventQueue<T>&, int count);

    std::string server_;
    int workers_, last_ = 0;
    LedgerFile ledger_;
    std::shared_ptr<redis::Client> client_;
    RedisEventQueue<Entry> entries_;
    RedisEventQueue<Chore> chores_;
    RedisEventQueue<Flash> flashes_;
    std::jthread feeding_;
};

}  // namespace eventy::ledger
