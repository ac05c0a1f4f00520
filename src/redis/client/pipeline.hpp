// Which command waits for which reply.
#pragma once
#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "redis/client/command.hpp"
#include "redis/client/reply.hpp"
#include "store/store.hpp"

namespace eventy::redis {

/// The commands of one client in the order they were sent, which is the order of their replies, also when connections
/// come and go between them. It knows no sockets and no clock: the channel tells it what happened and does what it
/// says.
///
/// A command is waiting, then written, then answered and gone. Given up while it waits it is removed; given up when it
/// was written it is abandoned: its reply still comes and has to be counted. A lost connection makes the written ones
/// wait again, in front, and forgets the abandoned.
class Pipeline {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using Done = detail::Callback<Reply>;
    enum class Resend { yes, no };

    /// A command that ends without a reply, and why.
    struct Ended {
        Command command = {};
        Done done = {};
        bool written = false;  // it may have been applied: it left once, and the server did not say no
    };

    void push(Command, std::optional<TimePoint> deadline, Done, Resend = Resend::yes);

    /// Appends waiting commands to `out`, oldest first, as long as `out` has less than `limit` bytes. They count as
    /// written then.
    void write(std::string& out, std::size_t limit);

    struct Answer {
        bool resend = false;  // the reply is none: drop the connection, keep the command
        Done done = {};       // whom to tell; nobody when the command was abandoned
    };
    /// Which command this is the reply to. Nothing: to none, so this connection is out of step.
    std::optional<Answer> answered(const Reply&);

    /// The connection is gone. Returns those that must not be sent twice.
    std::vector<Ended> lost();
    /// Ends the command that the next reply belongs to, because that reply cannot be read. Nothing: it was abandoned.
    std::optional<Ended> end_oldest();
    std::vector<Ended> end_due(TimePoint now);
    std::vector<Ended> end_all();

    bool has_waiting() const { return written_ < commands_.size(); }
    /// Written and not answered, abandoned ones included.
    std::size_t unanswered() const { return written_; }
    /// No deadline passes before this; it may be earlier than the earliest.
    std::optional<TimePoint> next_deadline() const { return next_deadline_; }

private:
    struct Entry {
        Command command = {};
        std::optional<TimePoint> deadline = {};
        Done done = {};  // empty: abandoned
        Resend resend = Resend::yes;
        bool in_doubt = false;  // written on a connection that was lost before it said what became of it
        bool refused = false;   // not applied by the present connection
    };
    bool may_be_applied(std::size_t i) const {
        return commands_[i].in_doubt || (i < written_ && !commands_[i].refused);
    }

    void remove_ended_waiting(std::size_t count);
    void look_at_deadline(std::optional<TimePoint>);

    std::deque<Entry> commands_ = {};  // the first `written_` of them are on the wire
    std::size_t written_ = 0;
    std::optional<TimePoint> next_deadline_ = {};
};

}  // namespace eventy::redis
