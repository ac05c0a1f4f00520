#include "core/handler_pool.hpp"

#include <utility>

namespace eventy::detail {

HandlerPool::HandlerPool(int size) : size_(size), shared_(std::make_shared<Shared>(size)) {}

HandlerPool::~HandlerPool() {
    std::map<Owner, std::deque<Work>> dropped;
    std::map<Owner, std::function<void()>> deaf;
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->stopping = true;
        dropped.swap(shared_->waiting);
        deaf.swap(shared_->asking);
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

std::vector<std::function<void()>> HandlerPool::Shared::take_told() {
    std::vector<std::function<void()>> all;
    for (const Owner owner : shares.take_told()) {
        if (auto one = asking.extract(owner)) {
            all.push_back(std::move(one.mapped()));
        }
    }
    return all;
}

HandlerPool::Work HandlerPool::Shared::take_work(Owner owner) {
    const auto entry = waiting.find(owner);
    Work work = std::move(entry->second.front());
    entry->second.pop_front();
    if (entry->second.empty()) {
        waiting.erase(entry);
    }
    return work;
}

void HandlerPool::submit(Owner owner, std::vector<Work> work) {
    const std::size_t count = work.size();
    {
        const std::lock_guard lock(shared_->mutex);
        while (threads_.size() < static_cast<std::size_t>(size_)) {
            threads_.emplace_back([shared = shared_] { serve(shared); });
        }
        if (count > 0) {
            auto& line = shared_->waiting[owner];
            line.insert(line.end(), std::make_move_iterator(work.begin()), std::make_move_iterator(work.end()));
            shared_->shares.submitted(owner, static_cast<int>(count));
        }
    }
    if (count == 1) {
        shared_->changed.notify_one();
    } else {
        shared_->changed.notify_all();
    }
}

int HandlerPool::used_by_others(Owner owner) const {
    const std::lock_guard lock(shared_->mutex);
    return shared_->shares.used_by_others(owner);
}

template <class Change>
void HandlerPool::change(Change change) {
    std::vector<std::function<void()>> told;
    {
        const std::lock_guard lock(shared_->mutex);
        if (change(*shared_)) {
            shared_->changed.notify_all();
        }
        told = shared_->take_told();
    }
    for (const auto& one : told) {
        one();
    }
}

void HandlerPool::keep(Owner owner, int most) {
    const std::lock_guard lock(shared_->mutex);
    shared_->shares.keep(owner, most);
}

void HandlerPool::ask(Owner owner, int used_by_others, std::function<void()> told) {
    change([&](Shared& shared) {
        shared.asking.insert_or_assign(owner, std::move(told));
        shared.shares.ask(owner, used_by_others);
        return false;
    });
}

void HandlerPool::release(Owner owner) {
    change([owner](Shared& shared) { return shared.shares.release(owner); });
}

void HandlerPool::leave(Owner owner) {
    std::map<Owner, std::function<void()>>::node_type deaf;
    change([&](Shared& shared) {
        deaf = shared.asking.extract(owner);
        return shared.shares.leave(owner);
    });
}

void HandlerPool::serve(const std::shared_ptr<Shared>& shared) {
    std::unique_lock lock(shared->mutex);
    while (!shared->stopping) {
        const auto owner = shared->shares.begin();
        auto told = shared->take_told();
        if (!owner && told.empty()) {
            shared->changed.wait(lock);
            continue;
        }
        Work work = owner ? shared->take_work(*owner) : nullptr;
        lock.unlock();
        for (const auto& one : told) {
            one();
        }
        told.clear();
        if (work) {
            work();
            work = nullptr;  // what it held may be destroyed now, outside the lock
        }
        lock.lock();
        if (owner) {
            shared->shares.ended(*owner);
        }
    }
}

}  // namespace eventy::detail
