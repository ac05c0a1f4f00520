// One line of the ledger: what one process did or suffered, and when.
#pragma once
#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eventy::ledger {

/// Microseconds of the machine's steady clock, which all processes of a machine share.
using Micros = std::int64_t;
inline constexpr Micros second = 1000000;
inline Micros micros(std::chrono::milliseconds time) { return std::chrono::microseconds(time).count(); }

Micros steady_micros();

enum class What {
    // a publisher
    intend,   // is about to publish the token
    acked,    // publish returned this id
    unknown,  // publish threw: the event may or may not be there
    discarding,
    discarded,  // the note: given up, too late, or no-answer
    retrying,   // is about to retry the event by hand
    retried,    // the note: taken up, not dead, gone, or no-answer
    // a worker
    subscribed,
    start,    // the handler began; the note is the worker's id
    told,     // the handler's stop token fired
    end,      // the handler is about to return or throw; the note says how
    fence,    // is about to call report_progress or extend
    fenced,   // the note: accepted, refused (LeaseLost), or no-answer
    starved,  // the machine did not run this process; the note is for how many ms
    ending,   // got SIGTERM and closes its queue
    resting,  // is about to unsubscribe from the type, and goes on with all others
    rested,   // subscribed to it again
    // what was done to them; `who` is whom it was done to, `where` on which server, or the way to which
    spawned,     // the note is its process id
    killed,      // SIGKILL is being sent
    exited,      // is gone; the note says how
    stopped,     // SIGSTOP
    continued,   // SIGCONT
    terminated,  // SIGTERM is being sent
    cut,         // its connections were reset
    stalled,     // bytes lie in the proxy, both ways
    silenced,    // bytes lie in the proxy, one way; the note says which
    flowing,     // the proxy lets them pass again
    client_kill,
    script_flush,
    redis_killed,
    redis_back,  // answers PING again
    redis_slow,  // did not answer PING for so many ms, the note, though it was not killed
    two_places,  // a look at Redis found the event in no state or in two
};

std::string_view name_of(What);
std::optional<What> parse_what(std::string_view);

/// A server, a type on it, a group of that; what is empty stands for all of them. One word in a line: r1/Entry/default.
struct Place {
    std::string server = {}, type = {}, group = {};

    auto operator<=>(const Place&) const = default;
};

std::string to_word(const Place&);
Place parse_place(std::string_view);

struct Record {
    Micros at = 0;
    std::string who = {};
    What what = What::intend;
    Place where = {};
    std::string token = {};
    std::int64_t id = 0, epoch = 0;
    int attempt = 0;
    std::string note = {};

    bool operator==(const Record&) const = default;
};

/// Without a line's end; the note's own become spaces.
std::string to_line(const Record&);
/// Nothing for what is no whole line, such as the last one of a process that was killed while it wrote.
std::optional<Record> parse_line(std::string_view);

/// By time; of one time in the order given.
void sort_by_time(std::vector<Record>&);

}  // namespace eventy::ledger
