// Which numbered call is sent when, under which number.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace eventy::redis {

/// Every call of a store that is to be applied once carries (client id, number, base), and the call record in Redis
/// applies each number once, in order (scripts/shared/calls.lua). This is the other side of that: it numbers calls,
/// keeps at most four on the way, and sends again, in order, what Redis did not apply. After a call that was given up,
/// of which a copy may still be on the way, the client id is retired: Redis says which of its calls it applied and will
/// apply no more of them; the others go on under a new id.
///
/// Plain: what happens goes in by the functions, what to do comes out of `next`. It relies on the connection's answers
/// coming in the order of sending.
class CallSequencer {
public:
    using Token = std::uint64_t;  // the caller's name for a call
    using Number = std::uint64_t;
    static constexpr std::size_t window = 4;

    /// Gives a fresh random id each time.
    explicit CallSequencer(std::function<std::string()> new_client_id);

    struct Send {
        Token call = 0;
        std::string client = {};
        Number number = 0, base = 0;
        bool with_text = false;  // the script's, because Redis did not know it
    };
    struct Retire {
        std::string client = {};
        std::vector<Number> numbers = {};
        bool with_text = false;
    };
    struct Actions {
        std::vector<Send> sends = {};
        std::optional<Retire> retire = {};
    };
    /// What to do now, in this order; each action is said once.
    Actions next();

    void submit(Token);
    /// Forgets a call that has not been sent yet; false when it has.
    bool withdraw(Token);

    enum class Answer {
        final,           // applied, or never to be: the call is over
        unknown_script,  // NOSCRIPT: nothing happened
        gap,             // one before it is missing: nothing happened
        late,            // this copy came too late: nothing happened
        stale,           // Redis applies nothing more of this client; retiring it says what it had applied
        given_up,        // failed, or no answer in time: the call is over, but a copy may yet arrive
    };
    void answered(Token, Answer);

    /// A call of the retired client that had been applied, with its stored outcome.
    struct Applied {
        Token call = 0;
        std::string outcome = {};
    };
    /// The reply to `Retire`, an outcome for each number. Calls that had been applied are over; those that had been
    /// given up are among them.
    std::vector<Applied> retired(const std::vector<std::optional<std::string>>& outcomes);
    void retire_unknown_script();
    /// Redis did not retire the client. Returns the calls that were sent and are over now, whether applied or not.
    std::vector<Token> retire_failed();

private:
    enum class State { sent, to_send };
    struct Call {
        Token token = 0;
        Number number = 0;
        State state = State::to_send;
        bool with_text = false;
        bool given_up = false;
    };
    enum class Retirement { none, wanted, asked };

    Call* find(Token);
    void want_retirement();
    void renumber();

    std::function<std::string()> new_client_id_;
    std::string client_;
    Number last_number_ = 0;
    std::vector<Call> live_;     // numbered; in the order of numbers
    std::deque<Token> waiting_;  // not numbered yet
    std::vector<Number> asked_;  // what the retirement asks about
    Retirement retirement_ = Retirement::none;
    bool retire_with_text_ = false;
};

}  // namespace eventy::redis
