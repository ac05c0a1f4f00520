// Runs scripts that may be applied twice, and says what their errors mean.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "redis/client/client_core.hpp"
#include "redis/keys.hpp"
#include "redis/script_call.hpp"

namespace eventy::redis {

/// On the I/O thread; after its destruction nobody is called back.
class ScriptRunner {
public:
    /// `place`: the server, for messages. The references must live as long.
    ScriptRunner(ClientCore&, const Keys&, std::string place);

    /// Any error reply comes back as a failure, explained.
    void run(ScriptCall, Deadline, Callback<Reply>);

    /// A failure for people. Where a key is of a wrong type, asks Redis which one.
    void explain(const ScriptCall&, const Reply& error, std::function<void(detail::Failure)>);

    /// For a reply that this script never gives.
    detail::Failure not_understood(const Script&) const;

    const std::string& place() const { return place_; }

private:
    void send(std::shared_ptr<const ScriptCall>, bool with_text, Deadline, Callback<Reply>);
    std::string wrong_type(const Reply& types) const;

    ClientCore& core_;
    const Keys& keys_;
    std::string place_;
    std::shared_ptr<void> alive_ = std::make_shared<int>();
};

}  // namespace eventy::redis
