// What the ledger says about when each worker lived, was reachable and had a handler free.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ledger/record.hpp"
#include "ledger/stored_state.hpp"
#include "ledger/terms.hpp"

namespace eventy::ledger {

struct Span {
    Micros from = 0, to = 0;  // [from, to)
    std::string why = {};
};

/// One call of the handler.
struct Run {
    Place where = {};
    std::string token = {}, worker = {}, worker_id = {};
    std::int64_t id = 0, epoch = 0;
    int attempt = 0;
    int lost_before = 0;     // leases in a row that it had lost when it was taken
    int explained = 0;       // of them those whose loss is explained by what was done to their worker
    bool in_danger = false;  // one more would be the last
    Micros began = 0;
    std::optional<Micros> ended = {};
    std::string outcome = {};  // the note of `end`
};

/// A pure function of the records that concern one group, and of the calls of other groups on its server: they may use
/// the same threads.
class Timeline {
public:
    static constexpr Micros never = INT64_MAX;
    static constexpr Micros about = 20'000;  // when an event was taken is known to some ms
    /// What Redis has kept of each token, and when it was retried by hand: that forgives as a failed attempt does.
    using Failures = std::map<std::string, std::vector<StoredFailure>>;

    static constexpr const char* stopped = "was stopped";
    static constexpr const char* starved = "the machine did not run it";

    struct Life {
        Micros subscribed = never;
        Micros ending = never;  // it takes nothing more from here on
        Micros died = never;    // by a kill or a crash
        bool at_once = false;   // `died` says a death without a word
        std::string how = {};
        std::vector<Span> rests = {};  // in which it is not subscribed to the type
    };

    /// `records` by time, `place` the group. A worker that runs an event which is in danger takes nothing else; where
    /// one has waited for a lease's time, workers that hold something take nothing until they hold nothing.
    Timeline(const std::vector<Record>& records, const Terms&, Place place, Failures = {});

    const std::map<std::string, Life>& workers() const { return lives_; }
    const std::vector<Run>& runs() const { return runs_; }
    /// Of the server's other groups.
    const std::vector<Run>& runs_elsewhere() const { return elsewhere_; }
    /// Of a token, by epoch.
    const std::map<std::string, std::vector<std::size_t>>& runs_of() const { return runs_of_; }
    const std::vector<Span>& redis_away() const { return redis_away_; }
    Micros end() const { return end_; }
    /// When it was, by the ledger's clock, at the latest. Epochs are µs of Redis's clock, so the run that began soonest
    /// after its take tells what that clock is behind the ledger's.
    Micros by_ledger(std::int64_t redis_us) const { return redis_us + behind_; }
    /// When the worker took the event: it may have begun to run much later.
    Micros taken_at(const Run& run) const { return std::min(run.began, by_ledger(run.epoch)); }
    /// When what cost the worker this lease began: its death, or so much trouble that it missed its renewals. Nothing
    /// when there was neither between the two times.
    std::optional<Micros> loss_of_lease(const std::string& worker, Micros taken, Micros taken_again) const;
    struct LostLease {
        std::string worker_id = {};
        Micros known = 0;                  // when the next one took the event
        std::optional<Micros> began = {};  // when that began which cost it; nothing where it cannot be explained
    };
    /// The leases in a row that the event had lost when it was taken under this epoch.
    std::vector<LostLease> lost_leases(const std::string& token, std::int64_t epoch = INT64_MAX) const;

    /// Why the worker could not reach Redis, or did not run, in this time: Redis away, stopped, starved, held bytes.
    std::vector<Span> troubles(const std::string& worker, Micros from, Micros to) const;
    /// For how long, all together.
    Micros troubled_time(const std::string& worker, Micros from, Micros to) const;

    /// The first moment from `from` on at which the worker lives, is reachable, and has a handler free; with `idle`,
    /// and holds nothing of the group.
    Micros free_from(const std::string& worker, Micros from, bool idle = false) const;
    /// The beginning of the last time in [from, to) that reaches up to `to` and in which some worker was free without a
    /// break of over 250 ms.
    Micros somebody_free_since(Micros from, Micros to, bool idle = false) const;

private:
    void read_lives(const std::vector<Record>&);
    void read_runs(const std::vector<Record>&);
    void read_troubles(const std::vector<Record>&);
    void find_free(const Terms&);
    Micros taken_between(const std::string& token, const std::string& worker_id, Micros from, Micros to) const;
    std::vector<Span> times_of_draining() const;
    std::vector<Span> free_spans(const std::string& worker, const Life&, const Terms&, bool idle) const;
    bool share_threads(const std::string& worker, const Run&) const;
    void add_trouble(const std::string& who, Span span);
    std::string process_of(const std::string& worker_id) const;

    std::map<std::string, Life> lives_;
    Place place_;
    Failures failures_;
    std::vector<Run> runs_, elsewhere_;
    std::map<std::string, std::vector<std::size_t>> runs_of_;
    std::map<std::string, std::vector<Span>> troubles_;
    std::vector<Span> redis_away_;
    std::map<std::string, std::string> names_;  // of the workers, by id, and by process id
    std::map<std::string, Micros> published_;   // when it was begun, of each token
    Micros lease_ = 0, behind_ = never;
    std::map<std::string, std::vector<Span>> free_, idle_;  // of each worker
    std::vector<Span> somebody_free_, somebody_idle_;
    Micros end_ = 0;
};

/// Sorted, and those that meet or overlap, or are no more than `gap` apart, made one; the words of the first are kept.
std::vector<Span> merged(std::vector<Span>, Micros gap = 0);

}  // namespace eventy::ledger
