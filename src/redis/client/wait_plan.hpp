// Which lists the connection for waits should block on.
#pragma once
#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace eventy::redis {

/// One blocking command waits for all keys at once, and cannot be changed while it waits. A key that comes has to break
/// it off; a key that goes stays in it until it ends by itself, since whoever stops waiting mostly waits again soon.
class WaitPlan {
public:
    void add(const std::string& key) { wanted_.insert(key); }
    void remove(const std::string& key) { wanted_.erase(key); }
    bool is_wanted(const std::string& key) const { return wanted_.contains(key); }
    bool wants_any() const { return !wanted_.empty(); }

    bool is_blocked() const { return !asked_.empty(); }
    /// Begins a wait: the keys, in another order each time, because Redis serves the first that has something. None
    /// when one is running, or nobody waits.
    std::vector<std::string> begin() {
        if (is_blocked() || wanted_.empty()) {
            return {};
        }
        asked_ = wanted_;
        std::vector<std::string> keys(asked_.begin(), asked_.end());
        std::ranges::rotate(keys, keys.begin() + static_cast<std::ptrdiff_t>(turn_++ % keys.size()));
        return keys;
    }
    /// The wait ended: by an element, by its time, by us, or with its connection.
    void ended() { asked_.clear(); }
    /// Whether somebody waits for a key that the running wait does not have.
    bool lacks_a_key() const { return is_blocked() && !std::ranges::includes(asked_, wanted_); }

private:
    std::set<std::string> wanted_ = {}, asked_ = {};
    std::size_t turn_ = 0;
};

}  // namespace eventy::redis
