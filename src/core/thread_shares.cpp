#include "core/thread_shares.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace eventy::detail {

/// Idle, and kept for nobody.
int ThreadShares::unkept() const {
    int left = threads_;
    for (const auto& [owner, use] : uses_) {
        left -= use.running + use.kept;
    }
    return left;
}

/// Of those, how many no work waits for.
int ThreadShares::spare() const {
    int left = unkept();
    for (const auto& [owner, use] : uses_) {
        left -= use.unprovided();
    }
    return left;
}

/// Of those that ask, and with `with_work` also of those whose work waits.
ThreadShares::Entry ThreadShares::next_turn(bool with_work) {
    auto next = uses_.end();
    const auto rank = [](const Use& use) { return std::tuple(use.running + use.kept, use.last_turn); };
    for (auto entry = uses_.begin(); entry != uses_.end(); ++entry) {
        const bool stands_in_line = entry->second.asks || (with_work && entry->second.waiting > 0);
        if (stands_in_line && (next == uses_.end() || rank(entry->second) < rank(next->second))) {
            next = entry;
        }
    }
    return next;
}

void ThreadShares::tell(Entry entry) {
    entry->second.asks = false;
    ++entry->second.kept;
    entry->second.last_turn = ++turns_;
    told_.push_back(entry->first);
}

void ThreadShares::tell_all() {
    while (spare() > 0) {
        const auto next = next_turn(false);
        if (next == uses_.end()) {
            return;
        }
        tell(next);
    }
}

void ThreadShares::forget_if_gone(Owner owner) {
    const auto entry = uses_.find(owner);
    if (entry != uses_.end() && entry->second.has_left && entry->second.running == 0 && entry->second.waiting == 0) {
        uses_.erase(entry);
    }
}

void ThreadShares::submitted(Owner owner, int count) {
    if (count > 0) {
        auto& use = uses_[owner];
        use.waiting += count;
        use.has_left = false;
    }
}

void ThreadShares::ended(Owner owner) {
    --uses_.at(owner).running;
    forget_if_gone(owner);
    tell_all();
}

std::optional<ThreadShares::Owner> ThreadShares::begin() {
    const auto run = [this](Entry entry) {
        --entry->second.waiting;
        entry->second.kept -= entry->second.kept > 0 ? 1 : 0;
        ++entry->second.running;
        entry->second.last_turn = ++turns_;
        return entry->first;
    };
    for (auto entry = uses_.begin(); entry != uses_.end(); ++entry) {
        if (entry->second.waiting > 0 && entry->second.kept > 0) {
            return run(entry);
        }
    }
    while (unkept() > 0) {
        const auto next = next_turn(true);
        if (next == uses_.end()) {
            break;
        }
        // Its own work goes before what it would fetch.
        if (next->second.waiting > 0) {
            return run(next);
        }
        tell(next);
    }
    return std::nullopt;
}

void ThreadShares::keep(Owner owner, int most) {
    const int free = spare();
    if (free > 0 && most > 0) {
        auto& use = uses_[owner];
        use.kept += std::clamp(most - use.kept, 0, free);
        use.has_left = false;
    }
}

void ThreadShares::ask(Owner owner, int used_by_others_then) {
    auto& use = uses_[owner];
    use.asks = true;
    use.has_left = false;
    if (used_by_others(owner) < used_by_others_then) {
        tell_all();
    }
}

std::vector<ThreadShares::Owner> ThreadShares::take_told() { return std::exchange(told_, {}); }

bool ThreadShares::release(Owner owner) {
    const auto entry = uses_.find(owner);
    if (entry == uses_.end() || entry->second.kept <= entry->second.waiting) {
        return false;
    }
    entry->second.kept = entry->second.waiting;
    tell_all();
    return std::any_of(uses_.begin(), uses_.end(), [](const auto& one) { return one.second.unprovided() > 0; });
}

bool ThreadShares::leave(Owner owner) {
    const auto entry = uses_.find(owner);
    if (entry == uses_.end()) {
        return false;
    }
    entry->second.asks = false;
    entry->second.has_left = true;
    std::erase(told_, owner);
    const bool released = release(owner);
    forget_if_gone(owner);
    return released;
}

int ThreadShares::used_by_others(Owner owner) const {
    int used = 0, unprovided = 0;
    for (const auto& [other, use] : uses_) {
        if (other != owner) {
            used += use.running + use.kept;
            unprovided += use.unprovided();
        }
    }
    return used + std::min(unprovided, unkept());
}

}  // namespace eventy::detail
