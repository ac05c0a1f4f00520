#include "core/subscription.hpp"

#include <eventy/detail/words_of.hpp>
#include <utility>

#include "base/log.hpp"
#include "core/running_scope.hpp"

namespace eventy {
namespace detail {

thread_local const void* RunningScope::current_ = nullptr;

bool Gate::enter() {
    const std::lock_guard lock(mutex_);
    inside_ += closed_ ? 0 : 1;
    return !closed_;
}

void Gate::leave() {
    const std::lock_guard lock(mutex_);
    if (--inside_ == 0) {
        empty_.notify_all();
    }
}

bool Gate::close() {
    const std::lock_guard lock(mutex_);
    return !std::exchange(closed_, true);
}

void Gate::wait_until_empty() {
    std::unique_lock lock(mutex_);
    empty_.wait(lock, [this] { return inside_ == 0; });
}

SubscriptionState::SubscriptionState(std::string id, const void* queue, std::vector<RawHandler> handlers,
                                     std::function<void()> on_end)
    : id_(std::move(id)), queue_(queue), handlers_(std::move(handlers)), on_end_(std::move(on_end)) {}

void SubscriptionState::end() {
    end_in_background();
    if (!RunningScope::inside(queue_)) {
        gate_.wait_until_empty();
    }
}

void SubscriptionState::end_in_background() {
    if (gate_.close()) {
        on_end_();
    }
}

void throw_empty_handler() { throw Error(errc::invalid_argument, "cannot subscribe: the handler is empty"); }

void throw_null_subscriber() {
    throw Error(errc::invalid_argument, "cannot subscribe: the subscriber is a null pointer");
}

}  // namespace detail

Subscription::Subscription() noexcept = default;

Subscription::Subscription(std::shared_ptr<detail::SubscriptionState> state) noexcept : state_(std::move(state)) {}

Subscription::Subscription(Subscription&& other) noexcept = default;

Subscription& Subscription::operator=(Subscription&& other) noexcept {
    if (this != &other) {
        Subscription ended(std::move(*this));
        state_ = std::move(other.state_);
    }
    return *this;
}

Subscription::~Subscription() {
    if (state_ && !state_->is_at_home()) {
        detail::leave_alone(std::move(state_));
        return;
    }
    try {
        unsubscribe();
    } catch (const std::exception& error) {
        detail::log(LogLevel::error, std::string("cannot end a subscription: ") + detail::words_of(error));
    }
}

const std::string& Subscription::id() const {
    static const std::string none;
    return state_ ? state_->id() : none;
}

std::string Subscription::detach() {
    const auto state = std::exchange(state_, nullptr);
    return state ? state->id() : std::string();
}

void Subscription::unsubscribe() {
    if (state_ && state_->is_at_home()) {
        state_->end();
    }
}

}  // namespace eventy
