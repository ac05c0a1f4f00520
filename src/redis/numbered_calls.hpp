// The calls of a store that Redis applies once each.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "redis/call_sequencer.hpp"
#include "redis/client/client_core.hpp"
#include "redis/keys.hpp"
#include "redis/script_call.hpp"
#include "redis/script_runner.hpp"

namespace eventy::redis {

/// Does what the sequencer says, on one client's connection. On the I/O thread; after its destruction nobody is called.
class NumberedCalls {
public:
    /// Ends with exactly one of `answered`, `by_outcome` and `failed`.
    struct Call {
        ScriptCall script = {};
        std::size_t record_key = 0;  // which of the script's keys is the call record; its name is put in here
        Deadline deadline = {};
        std::function<void(Reply&)> answered = {};                        // the state is OK or AGAIN
        std::function<void(const std::string& outcome)> by_outcome = {};  // the stored outcome is all that is known
        std::function<void(detail::Failure)> failed = {};                 // it may have been applied, unless `not_done`
        std::function<void(const std::string& outcome)> came_through = {};  // after `failed`: it had been applied
    };

    struct Times {
        std::chrono::milliseconds longest_call{0};                  // with a deadline
        std::optional<std::chrono::milliseconds> copies_live = {};  // none: half the TTL of the call record
    };
    /// `heard` gets every numbered reply that ends a call.
    NumberedCalls(boost::asio::io_context&, ClientCore&, ScriptRunner&, const Keys&, Times,
                  std::function<void(const Reply&)> heard);

    void send(Call);

private:
    using Token = CallSequencer::Token;
    struct Entry {
        std::shared_ptr<Call> call = {};
        bool on_the_way = false;  // with the connection, which answers it, or ends it at its deadline
        bool failed = false;      // the caller knows; kept until the client id is retired
        bool in_doubt = false;    // a copy was sent, and its answer settled nothing
        int times_late = 0;       // copies that were refused for that
    };

    void act();
    void send_call(const CallSequencer::Send&);
    std::string not_after() const;
    void came_late(Token, const Reply&);
    void send_retire(const CallSequencer::Retire&);
    void replied(Token, detail::Result<Reply>);
    void retired(detail::Result<Reply>);
    void fail(Token, const detail::Failure&);
    void forget_failed();
    void watch_deadline(const Entry&);
    void look_at_deadlines();
    std::shared_ptr<Call> remove(Token);

    ClientCore& core_;
    ScriptRunner& runner_;
    const Keys& keys_;
    std::function<void(const Reply&)> heard_;
    std::chrono::milliseconds record_ttl_, copies_live_;
    CallSequencer sequencer_;
    boost::asio::steady_timer deadline_timer_;  // of calls that are not on the way
    std::optional<std::chrono::steady_clock::time_point> timer_at_;
    std::unordered_map<Token, Entry> calls_;
    Token last_token_ = 0;
    std::shared_ptr<void> alive_ = std::make_shared<int>();
};

}  // namespace eventy::redis
