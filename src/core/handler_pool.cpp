#include "core/handler_pool.hpp"

#include <utility>

namespace eventy::detail {

HandlerPool::HandlerPool(int size) : size_(size), shared_(std::make_shared<Shared>()) {}

HandlerPool::~HandlerPool() {
    std::deque<Item> dropped;
    std::vector<Listener> deaf;
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->stopping = true;
        dropped.swap(shared_->waiting);
        deaf.swap(shared_->listeners);
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

void HandlerPool::submit(Owner owner, std::vector<Work> work) {
    const std::size_t count = work.size();
    {
        const std::lock_guard lock(shared_->mutex);
        while (threads_.size() < static_cast<std::size_t>(size_)) {
            threads_.emplace_back([shared = shared_] { serve(shared); });
        }
        for (Work& one : work) {
            shared_->waiting.push_back({owner, std::move(one)});
        }
    }
    if (count == 1) {
        shared_->changed.notify_one();
    } else {
        shared_->changed.notify_all();
    }
}

int HandlerPool::Shared::busy_with_others(Owner owner) const {
    const auto own = running.find(owner);
    return all_running - (own == running.end() ? 0 : own->second);
}

std::vector<HandlerPool::Listener> HandlerPool::Shared::take_satisfied() {
    std::vector<Listener> satisfied;
    std::vector<Listener> others;
    for (Listener& one : listeners) {
        (busy_with_others(one.owner) < one.busy ? satisfied : others).push_back(std::move(one));
    }
    listeners.swap(others);
    return satisfied;
}

int HandlerPool::busy_with_others(Owner owner) const {
    const std::lock_guard lock(shared_->mutex);
    return shared_->busy_with_others(owner);
}

void HandlerPool::when_less_busy(Owner owner, int busy, std::function<void()> told) {
    {
        const std::lock_guard lock(shared_->mutex);
        if (shared_->busy_with_others(owner) >= busy) {
            shared_->listeners.push_back({owner, busy, std::move(told)});
            return;
        }
    }
    told();
}

void HandlerPool::serve(const std::shared_ptr<Shared>& shared) {
    std::unique_lock lock(shared->mutex);
    for (;;) {
        shared->changed.wait(lock, [&] { return shared->stopping || !shared->waiting.empty(); });
        if (shared->stopping) {
            return;
        }
        Item item = std::move(shared->waiting.front());
        shared->waiting.pop_front();
        ++shared->running[item.owner];
        ++shared->all_running;
        lock.unlock();
        item.work();
        item.work = nullptr;  // what it held may be destroyed now, outside the lock
        lock.lock();
        --shared->all_running;
        if (--shared->running[item.owner] == 0) {
            shared->running.erase(item.owner);
        }
        if (!shared->listeners.empty()) {
            const auto satisfied = shared->take_satisfied();
            lock.unlock();
            for (const Listener& one : satisfied) {
                one.told();
            }
            lock.lock();
        }
    }
}

}  // namespace eventy::detail
