// A Redis of a few lines that counts its I/O steps and does something else at one of them.
#pragma once
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "redis_client/fake_peer.hpp"

namespace eventy::redis::test {

/// What happens at the step.
enum class Trouble {
    none,
    cut,               // the connection is closed
    reset,             // as by a firewall: RST, and what was sent is lost
    silence,           // nothing more is read or written, until the client hangs up
    silence_then_cut,  // the same for a moment
    loading,           // instead of a reply: an error after which the client has to send again
    error,             // instead of a reply: an error that is the command's answer
    garbage,           // instead of a reply: what is no RESP
    another_shape,     // instead of a reply: one that no such command has
};

std::string to_string(Trouble);

/// Keeps the protocol of the scripts publish, take, settle, discard, retry, retire and get for one queue with one
/// group, call records included; answers waits and subscriptions, and says a notice at each of the latter. Its clock is
/// set forward after each handshake, so that the next numbered call comes too late at first. Steps are
/// counted over all connections: a connection is accepted; a command is read; it is done, and nothing of its reply is
/// out; half of its reply is out. What comes instead of a reply does so at the first three.
class ScriptedRedis {
public:
    explicit ScriptedRedis(int trouble_at = -1, Trouble trouble = Trouble::none);

    const FakePeer& peer() const { return peer_; }
    int steps() const { return steps_; }
    bool troubled() const { return troubled_; }
    /// Returns when the step was met, or the session ended before it.
    void wait_for_trouble() { met_.pass(); }
    void session_ended() { meet(); }

    /// What was applied, in order: payloads published, ids taken, ids settled.
    std::vector<std::string> published();
    std::vector<int> taken(), settled();
    /// "discard 1": how many different ones.
    std::size_t changed_by_hand();
    /// All steps, for messages.
    std::string story();

private:
    struct Stop {};
    /// A client's call record, as src/redis/scripts/shared/calls.lua keeps it.
    struct Record {
        std::uint64_t last = 0;
        std::map<std::uint64_t, std::string> outcomes = {};
    };
    struct Call {
        std::string state = {}, outcome = {};  // the outcome of AGAIN
        std::int64_t time = 0;                 // of LATE
    };

    void meet() {
        std::call_once(met_once_, [this] { met_.open(); });
    }
    void tell(Session&);
    /// True: now something is to come instead of a reply.
    bool step(Session&, const std::string& what);
    std::string answer(const Words&, Session&);
    std::string run_script(const std::string& name, const Words& command);
    std::string publish(const std::string& record, const Words& arguments);
    std::string take(const std::string& record, const Words& arguments);
    std::string settle(const std::string& record, const Words& arguments);
    std::string retire(const std::string& record, const Words& arguments);
    std::string change_by_hand(const std::string& record, const Words& arguments, const std::string& what,
                               const std::string& id);
    std::string get_events(const Words& arguments);
    Call recall(const std::string& record, const Words& arguments);
    void remember(const std::string& record, const Words& arguments, std::string outcome);
    std::string numbered(const Call&, Words rest);
    bool pop_marker(Session&);

    const int trouble_at_;
    const Trouble trouble_;
    std::atomic<int> steps_{0};
    std::atomic<bool> troubled_{false};
    Gate met_;
    std::once_flag met_once_;

    std::mutex mutex_;  // of all below
    std::condition_variable marked_;
    int markers_ = 0;
    std::map<std::string, Record> records_;
    std::vector<std::string> published_, story_;
    std::map<int, std::string> held_;  // id -> epoch
    int epoch_ = 0;
    std::vector<int> taken_, settled_;
    std::set<std::string> changed_by_hand_;
    FakePeer peer_;
};

}  // namespace eventy::redis::test
