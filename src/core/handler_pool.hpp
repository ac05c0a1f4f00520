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

namespace eventy::detail {

/// First in, first out, on `size` threads that start with the first work. Its owners share the threads, and each can
/// see how many the others have. Thread-safe. Its end waits for what runs (not on one of its own threads: that one ends
/// by itself) and drops what has not begun.
class HandlerPool {
public:
    using Work = std::function<void()>;
    using Owner = const void*;

    explicit HandlerPool(int size);
    ~HandlerPool();
    HandlerPool(const HandlerPool&) = delete;
    HandlerPool& operator=(const HandlerPool&) = delete;

    int size() const { return size_; }
    /// In this order. The work must not throw.
    void submit(Owner, std::vector<Work>);

    /// How many threads run others' work.
    int busy_with_others(Owner) const;
    /// `told` is called once, as soon as `busy_with_others` is less than `busy`: on a thread of the pool, or from
    /// within.
    void when_less_busy(Owner, int busy, std::function<void()> told);

private:
    struct Item {
        Owner owner;
        Work work;
    };
    struct Listener {
        Owner owner;
        int busy;
        std::function<void()> told;
    };
    struct Shared {
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<Item> waiting;
        std::map<Owner, int> running;  // only those that run something
        int all_running = 0;
        std::vector<Listener> listeners;
        bool stopping = false;

        int busy_with_others(Owner) const;
        std::vector<Listener> take_satisfied();
    };
    static void serve(const std::shared_ptr<Shared>&);

    int size_;
    std::shared_ptr<Shared> shared_;
    std::vector<std::thread> threads_;  // guarded by shared_->mutex until the destructor
};

}  // namespace eventy::detail
