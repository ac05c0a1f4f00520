#include "core/delivery.hpp"

#include <algorithm>
#include <iterator>

namespace eventy::detail {

void Delivery::start() {
    active_ = true;
    looking_ = true;
}

void Delivery::stop() { active_ = false; }

void Delivery::look() { looking_ = true; }

void Delivery::reconnected() {
    looking_ = true;
    renewing_ = false;
    renew_now_ = true;
}

void Delivery::taken(SteadyTime sent, const std::vector<Lease>& leases, bool more, bool alone, bool alone_left) {
    taking_ = false;
    alone_ = alone && !leases.empty() ? std::optional(key(leases.front())) : std::nullopt;
    follow_drain(sent, alone_left);
    // A marker may have come while the take was on its way; `looking_` was cleared when it began.
    looking_ = looking_ || more;
    for (const auto& lease : leases) {
        if (held_.try_emplace(key(lease), Held{sent, false}).second) {
            ++unfinished_;
        }
    }
}

void Delivery::follow_drain(SteadyTime sent, bool alone_left) {
    if (!alone_left) {
        alone_left_since_.reset();
        drain_until_.reset();
        rest_until_ = {};
        drain_time_ = settings_.lease;
        return;
    }
    alone_left_since_ = alone_left_since_.value_or(sent);
    if (!drain_until_ && sent - *alone_left_since_ >= settings_.drain_after && sent >= rest_until_) {
        drain_until_ = sent + drain_time_;
    }
}

void Delivery::take_failed() {
    taking_ = false;
    take_failed_ = true;
}

void Delivery::finished(Lease lease, SteadyDuration service_time) {
    const auto entry = held_.find(key(lease));
    if (entry == held_.end() || entry->second.finished) {
        return;
    }
    entry->second.finished = true;
    --unfinished_;
    const double seconds = std::chrono::duration<double>(service_time).count();
    // Slow handlers show at once, quick ones only after a while: what lies ready too long is worse than one more take.
    const double weight = seconds > service_seconds_ ? 0.5 : 0.05;
    service_seconds_ = service_seconds_ == 0 ? seconds : service_seconds_ + weight * (seconds - service_seconds_);
}

void Delivery::given_back(Lease lease) {
    const auto entry = held_.find(key(lease));
    if (entry != held_.end() && !entry->second.finished) {
        entry->second.finished = true;
        --unfinished_;
    }
}

void Delivery::still_running(SteadyDuration time) {
    service_seconds_ = std::max(service_seconds_, std::chrono::duration<double>(time).count());
}

void Delivery::settled(Lease lease) {
    const auto entry = held_.find(key(lease));
    if (entry == held_.end()) {
        return;
    }
    unfinished_ -= entry->second.finished ? 0 : 1;
    held_.erase(entry);
    look_once_free();
}

/// Whether it holds what is to be alone, or lets what it holds run out to be free for that.
bool Delivery::must_wait_for_held() const {
    return (alone_ && held_.contains(*alone_)) || (drain_until_ && !held_.empty());
}

void Delivery::look_once_free() {
    if (alone_ && !held_.contains(*alone_)) {
        alone_.reset();
        looking_ = true;
    }
    looking_ = looking_ || (drain_until_ && held_.empty());
}

std::vector<Lease> Delivery::renewed(SteadyTime sent, const std::vector<Lease>& leases, const StillHeld& still_held) {
    renewing_ = false;
    std::vector<Lease> lost;
    for (std::size_t i = 0; i < leases.size(); ++i) {
        const auto entry = held_.find(key(leases[i]));
        if (entry == held_.end()) {
            continue;
        }
        // A finished one may have been settled just before the renewal came: its settle knows better, without haste.
        if ((i < still_held.size() && still_held[i]) || entry->second.finished) {
            entry->second.renewed = std::max(entry->second.renewed, sent);
        } else {
            lost.push_back(leases[i]);
            held_.erase(entry);
            --unfinished_;
        }
    }
    look_once_free();
    return lost;
}

void Delivery::renewal_failed(SteadyTime now) {
    renewing_ = false;
    no_renewal_before_ = now + settings_.lease / 6;
}

void Delivery::leases_revoked() { renew_now_ = true; }

void Delivery::tick(SteadyTime now) {
    constexpr SteadyDuration longest_drain = std::chrono::hours(1);
    if (drain_until_ && *drain_until_ <= now && !held_.empty()) {
        drain_until_.reset();
        rest_until_ = now + 4 * drain_time_;
        drain_time_ = std::min(2 * drain_time_, longest_drain);
        looking_ = true;
    }
    if (take_failed_) {
        take_failed_ = false;
        looking_ = true;
    }
}

void Delivery::due_at(SteadyTime time) {
    constexpr std::size_t most = 1000;  // of more, the latest are found by the look once a second
    due_.insert(std::chrono::ceil<std::chrono::milliseconds>(time));
    if (due_.size() > most) {
        due_.erase(std::prev(due_.end()));
    }
}

std::optional<SteadyTime> Delivery::next_due() const {
    return due_.empty() ? std::nullopt : std::optional(*due_.begin());
}

bool Delivery::come_due(SteadyTime now) {
    const auto later = due_.upper_bound(now);
    const bool any = later != due_.begin();
    due_.erase(due_.begin(), later);
    looking_ = looking_ || any;
    return any;
}

int Delivery::threads() const { return std::max(settings_.concurrency - lingering_ - busy_elsewhere_, 0); }

int Delivery::window() const {
    if (service_seconds_ <= 0) {
        return std::min(threads(), settings_.most_held);
    }
    const double ahead = std::chrono::duration<double>(settings_.prefetch).count() / service_seconds_;
    const double window = threads() * (1 + std::min(ahead, 1e6));
    return static_cast<int>(std::min<double>(window, settings_.most_held));
}

int Delivery::next_take() {
    if (!active_ || !looking_ || taking_ || must_wait_for_held()) {
        return 0;
    }
    const int room = window() - unfinished_;
    // With much lying ready, take in large steps; with nothing ahead, as soon as there is room for one.
    const int least = std::max(1, (window() - threads()) / 2);
    if (room < least) {
        return 0;
    }
    taking_ = true;
    looking_ = false;
    return room;
}

bool Delivery::wants_wait() const {
    return active_ && !taking_ && !looking_ && window() > unfinished_ && !must_wait_for_held();
}

bool Delivery::wants_thread() const {
    if (!active_ || taking_ || busy_elsewhere_ == 0 || must_wait_for_held()) {
        return false;
    }
    // With work lying ready it gets its turns by that.
    return threads() == 0 || (looking_ && unfinished_ <= threads() && window() - unfinished_ < 1);
}

std::vector<Lease> Delivery::next_renewal(SteadyTime now) {
    std::vector<Lease> leases;
    const auto due = [&](const auto& entry) { return now - entry.second.renewed >= settings_.lease / 3; };
    if (renewing_ || (!renew_now_ && (now < no_renewal_before_ || std::none_of(held_.begin(), held_.end(), due)))) {
        return leases;
    }
    renew_now_ = false;
    leases.reserve(held_.size());
    for (const auto& [id_and_epoch, held] : held_) {
        leases.push_back({id_and_epoch.first, id_and_epoch.second});
    }
    renewing_ = !leases.empty();
    return leases;
}

std::optional<SteadyTime> Delivery::next_renewal_at() const {
    if (renewing_ || held_.empty()) {
        return std::nullopt;
    }
    const auto sooner = [](const auto& a, const auto& b) { return a.second.renewed < b.second.renewed; };
    const auto first = std::min_element(held_.begin(), held_.end(), sooner)->second.renewed;
    return std::max(first + settings_.lease / 3, no_renewal_before_);
}

std::optional<SteadyTime> Delivery::lease_until(Lease lease) const {
    const auto entry = held_.find(key(lease));
    if (entry == held_.end()) {
        return std::nullopt;
    }
    return entry->second.renewed + settings_.lease;
}

}  // namespace eventy::detail
