// Whose turn it is to use the threads of a pool. A plain state machine: no thread, lock or clock of its own.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace eventy::detail {

/// Its owners share the threads: each time one of them is idle it goes to the owner that has the fewest, and of several
/// to the one whose turn is the longest ago. Who has to fetch work first can have threads kept for it, so that no other
/// owner fetches work for the same thread.
class ThreadShares {
public:
    using Owner = const void*;

    explicit ThreadShares(int threads) : threads_(threads) {}

    // -- what happened --------------------------------------------------------------------------------------------
    void submitted(Owner, int count);  // so much work waits for a thread
    void ended(Owner);                 // one thread is done with its work

    // -- who may begin --------------------------------------------------------------------------------------------
    /// Whose work, of what waits, an idle thread does next; it counts as running. None: there is no work, or what is
    /// idle is kept for others.
    std::optional<Owner> begin();

    // -- keeping threads for work that is to be fetched -----------------------------------------------------------
    /// Keeps as many as are idle and nobody's, until it has `most` of them. Its work uses those that are kept for it.
    void keep(Owner, int most);
    /// Keeps one more when one becomes idle and it is this owner's turn; `take_told` says when. At once where others
    /// use fewer than `used_by_others` was when the owner decided to ask.
    void ask(Owner, int used_by_others);
    /// Those whose `ask` came true since the last call.
    std::vector<Owner> take_told();
    /// What is kept beyond the work that waits is anybody's again: whether work of others may begin now. An `ask` goes
    /// on.
    bool release(Owner);
    /// It asks no more and has nothing kept. What it has submitted goes on.
    bool leave(Owner);

    /// How many threads run, or are to run, what is not this owner's.
    int used_by_others(Owner) const;

private:
    struct Use {
        int running = 0, waiting = 0, kept = 0;
        bool asks = false, has_left = false;
        std::int64_t last_turn = 0;

        int unprovided() const { return waiting > kept ? waiting - kept : 0; }
    };
    using Entry = std::map<Owner, Use>::iterator;
    int unkept() const;
    int spare() const;
    Entry next_turn(bool with_work);
    void tell(Entry);
    void tell_all();
    void forget_if_gone(Owner);

    int threads_;
    std::map<Owner, Use> uses_;
    std::vector<Owner> told_;
    std::int64_t turns_ = 0;
};

}  // namespace eventy::detail
