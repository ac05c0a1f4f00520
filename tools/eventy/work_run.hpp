// The life of one `eventy work`: subscribe, count, end in order.
#pragma once
#include <eventy/queue.hpp>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "signals.hpp"
#include "work_action.hpp"

namespace eventy::cli {

struct WorkLimits {
    std::string group = "default";
    std::int64_t count = 0;  // 0: no limit
    bool once = false;       // until what is there now is done
    milliseconds drain{30000};
    int max_attempts = 1;  // as the queue's policy says
};

/// Handles events until a limit is reached, a signal comes or the action becomes unusable. Then it takes nothing more,
/// lets what runs end, and hands everything else back.
class WorkRun {
public:
    WorkRun(Signals&, EventQueue<std::string>, WorkAction&, WorkLimits);

    /// Blocks; the exit code.
    int run();

    struct Tally {
        std::int64_t processed = 0, failed = 0, handed_back = 0;
    };
    Tally tally() const;

private:
    void handle(const QueueEvent<std::string>&, Context&);
    void begin_or_hand_back(EventId);
    void finished(EventId, std::int64_t Tally::*, bool comes_again = false);
    void end(const std::string& error = {});
    bool ending() const;
    bool nothing_began() const;
    bool find_last_of_now();
    bool everything_of_now_is_done();
    bool nothing_of_now_is_unfinished();
    void wait_for_the_end();
    void close();

    Signals& signals_;
    Bell bell_;
    EventQueue<std::string> queue_;
    WorkAction& action_;
    WorkLimits limits_;
    std::optional<EventId> last_of_now_;
    bool signalled_ = false;

    mutable std::mutex mutex_;
    std::int64_t begun_ = 0;
    Tally tally_;
    std::set<EventId> unfinished_;  // events of now that run here, or that failed here and come again
    bool newer_seen_ = false;       // everything of now has been begun
    bool ending_ = false;
    std::string error_;
};

}  // namespace eventy::cli
