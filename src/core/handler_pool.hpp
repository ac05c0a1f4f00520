// The threads that run handlers.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/thread_shares.hpp"

namespace eventy::detail {

/// Runs work on `size` threads that start with the first of it: of each owner in the order in which it came, of several
/// owners as ThreadShares says. Thread-safe. Its end waits for what runs (not on one of its own threads: that one ends
/// by itself) and drops what has not begun.
class HandlerPool {
public:
    using Work = std::function<void()>;
    using Owner = ThreadShares::Owner;

    explicit HandlerPool(int size);
    ~HandlerPool();
    HandlerPool(const HandlerPool&) = delete;
    HandlerPool& operator=(const HandlerPool&) = delete;

    int size() const { return size_; }
    /// The work must not throw.
    void submit(Owner, std::vector<Work>);

    /// How many threads run, or are to run, others' work.
    int used_by_others(Owner) const;
    /// Keeps idle threads for work that the owner is about to fetch, until it has `most` of them or all are taken.
    void keep(Owner, int most);
    /// `told` is called once, when a thread is kept for the owner because it is its turn: on a thread of the pool, or
    /// from within where others use fewer than the owner thought. Not while it asks already.
    void ask(Owner, int used_by_others, std::function<void()> told);
    /// What is kept beyond the work that the owner has submitted is anybody's again.
    void release(Owner);
    /// It asks no more and has nothing kept; before the owner's end.
    void leave(Owner);

private:
    struct Shared {
        explicit Shared(int size) : shares(size) {}

        std::mutex mutex;
        std::condition_variable changed;
        ThreadShares shares;
        std::map<Owner, std::deque<Work>> waiting;  // only those that have some
        std::map<Owner, std::function<void()>> asking;
        bool stopping = false;

        std::vector<std::function<void()>> take_told();
        Work take_work(Owner);
    };
    static void serve(const std::shared_ptr<Shared>&);
    /// Changes the shares, wakes the threads if that sets some free, and tells those whose turn it is.
    template <class Change>
    void change(Change);

    int size_;
    std::shared_ptr<Shared> shared_;
    std::vector<std::thread> threads_;  // guarded by shared_->mutex until the destructor
};

}  // namespace eventy::detail
