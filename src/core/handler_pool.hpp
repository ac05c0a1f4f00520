// The threads that run handlers.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace eventy::detail {

/// First in, first out, on `size` threads that start with the first work. Thread-safe. Its end waits for what runs (not
/// on one of its own threads: that one ends by itself) and drops what has not begun.
class HandlerPool {
public:
    using Work = std::function<void()>;

    explicit HandlerPool(int size);
    ~HandlerPool();
    HandlerPool(const HandlerPool&) = delete;
    HandlerPool& operator=(const HandlerPool&) = delete;

    int size() const { return size_; }
    /// In this order. The work must not throw.
    void submit(std::vector<Work>);

private:
    struct Shared {
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<Work> waiting;
        bool stopping = false;
    };
    static void serve(const std::shared_ptr<Shared>&);

    int size_;
    std::shared_ptr<Shared> shared_;
    std::vector<std::thread> threads_;  // guarded by shared_->mutex until the destructor
};

}  // namespace eventy::detail
