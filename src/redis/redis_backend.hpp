// One Redis client as what queues are opened on.
#pragma once
#include <cstdint>
#include <eventy/redis.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/io_thread.hpp"
#include "redis/client/client_core.hpp"
#include "redis/redis_store.hpp"
#include "store/store.hpp"

namespace eventy::redis {

/// Owns the I/O thread and the connections on it.
class RedisBackend final : public detail::Backend {
public:
    /// Throws `invalid_argument` for options out of range.
    explicit RedisBackend(ClientOptions, RedisStore::Limits = {});
    ~RedisBackend() override;

    detail::IoThread& io() override { return io_; }
    std::string describe() const override { return place_; }
    void check(Deadline, Callback<Done>) override;
    milliseconds connect_timeout() const override { return options_.connect_timeout; }
    milliseconds command_timeout() const override { return options_.command_timeout; }
    std::unique_ptr<detail::Store> open(detail::QueueName, detail::StoreSettings) override;
    void list_types(std::string prefix, Deadline, Callback<std::vector<std::string>>) override;
    void remove_type(detail::QueueName, Deadline, Callback<Done>) override;

private:
    void push_back_orphans();

    ClientOptions options_;
    std::string place_;
    RedisStore::Limits limits_;
    detail::IoThread io_;
    std::unique_ptr<ClientCore> core_;  // used and destroyed on the I/O thread
};

}  // namespace eventy::redis
