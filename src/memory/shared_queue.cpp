#include "memory/shared_queue.hpp"

#include <iterator>

namespace eventy::memory {

void SharedQueue::wait(std::uint64_t store, const std::string& name, std::function<void()> woken) {
    Group& group = waiting_[name];
    const bool in_line = group.woken.contains(store);
    group.woken[store] = std::move(woken);
    if (in_line) {
        return;
    }
    if (const auto next = group.line.join(store)) {
        post_wake(name, *next);
    }
}

void SharedQueue::stop_waiting(std::uint64_t store, const std::string& name) {
    const auto group = waiting_.find(name);
    if (group != waiting_.end() && group->second.woken.erase(store) != 0) {
        group->second.line.leave(store);
    }
}

std::function<void()> SharedQueue::watch(WatcherId id, std::function<void(EventNotice)> notice) {
    watchers_[id] = Watcher{std::move(notice)};
    return [weak = weak_from_this(), id] {
        const auto self = weak.lock();
        if (!self) {
            return;
        }
        if (const auto found = self->watchers_.find(id); found != self->watchers_.end()) {
            found->second.listening = true;
        }
    };
}

void SharedQueue::unwatch(WatcherId id) { watchers_.erase(id); }

void SharedQueue::forget(std::uint64_t store) {
    for (auto& [name, group] : waiting_) {
        stop_waiting(store, name);
    }
    std::erase_if(watchers_, [store](const auto& watcher) { return watcher.first.first == store; });
}

void SharedQueue::deliver(Signals signals) {
    for (const std::string& name : signals.quiet) {
        waiting_[name].line.clear();
    }
    for (const std::string& name : signals.wake) {
        if (const auto next = waiting_[name].line.push()) {
            post_wake(name, *next);
        }
    }
    if (!watchers_.empty() && !signals.notices.empty()) {
        post_notices(std::move(signals.notices));
    }
}

void SharedQueue::post_wake(const std::string& name, WaitingLine::Waiter waiter) {
    io_.post([weak = weak_from_this(), name, waiter] {
        const auto self = weak.lock();
        if (!self) {
            return;
        }
        Group& group = self->waiting_[name];
        if (const auto found = group.woken.find(waiter); found != group.woken.end()) {
            const auto woken = found->second;  // it may stop waiting from inside
            woken();
        } else if (const auto next = group.line.push()) {
            self->post_wake(name, *next);
        }
    });
}

void SharedQueue::post_notices(std::vector<EventNotice> notices) {
    io_.post([weak = weak_from_this(), notices = std::move(notices)] {
        const auto self = weak.lock();
        if (!self) {
            return;
        }
        // Whoever is called may watch or unwatch: after each call the next watcher is looked up afresh.
        for (const EventNotice& notice : notices) {
            for (auto next = self->watchers_.begin(); next != self->watchers_.end();) {
                const WatcherId id = next->first;
                if (next->second.listening) {
                    const auto tell = next->second.notice;
                    tell(notice);
                }
                next = self->watchers_.upper_bound(id);
            }
        }
    });
}

}  // namespace eventy::memory
