// The set of the event types that stand under one key prefix.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "redis/client/client_core.hpp"
#include "store/store.hpp"

namespace eventy::redis {

/// Belongs to the I/O thread; `place` is for messages. `done` is called on that thread, once, unless the client is
/// destroyed before.
class TypeRegistry {
public:
    using Deadline = detail::Deadline;
    template <class R>
    using Callback = detail::Callback<R>;

    TypeRegistry(ClientCore& core, std::string place) : core_(core), place_(std::move(place)) {}

    /// Takes off a TTL, too, should anybody have put one there.
    void add(const detail::QueueName&, Deadline, Callback<detail::Done>);
    void remove(const detail::QueueName&, Deadline, Callback<detail::Done>);
    /// In order.
    void list(std::string_view prefix, Deadline, Callback<std::vector<std::string>>);

private:
    void send(const std::vector<std::string_view>& words, Deadline, Callback<Reply>);

    ClientCore& core_;
    std::string place_;
};

}  // namespace eventy::redis
