#include "core/handler_pool.hpp"

#include <iterator>
#include <utility>

namespace eventy::detail {

HandlerPool::HandlerPool(int size) : size_(size), shared_(std::make_shared<Shared>()) {}

HandlerPool::~HandlerPool() {
    std::deque<Work> dropped;
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->stopping = true;
        dropped.swap(shared_->waiting);
    }
    shared_->changed.notify_all();
    for (auto& thread : threads_) {
        if (thread.get_id() == std::this_thread::get_id()) {
            thread.detach();
        } else {
            thread.join();
        }
    }
}

void HandlerPool::submit(std::vector<Work> work) {
    const std::size_t count = work.size();
    {
        const std::lock_guard lock(shared_->mutex);
        while (threads_.size() < static_cast<std::size_t>(size_)) {
            threads_.emplace_back([shared = shared_] { serve(shared); });
        }
        std::move(work.begin(), work.end(), std::back_inserter(shared_->waiting));
    }
    if (count == 1) {
        shared_->changed.notify_one();
    } else {
        shared_->changed.notify_all();
    }
}

void HandlerPool::serve(const std::shared_ptr<Shared>& shared) {
    std::unique_lock lock(shared->mutex);
    for (;;) {
        shared->changed.wait(lock, [&] { return shared->stopping || !shared->waiting.empty(); });
        if (shared->stopping) {
            return;
        }
        Work work = std::move(shared->waiting.front());
        shared->waiting.pop_front();
        lock.unlock();
        work();
        work = nullptr;  // what it held may be destroyed now, outside the lock
        lock.lock();
    }
}

}  // namespace eventy::detail
