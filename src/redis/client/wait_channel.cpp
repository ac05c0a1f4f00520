#include "redis/client/wait_channel.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/log.hpp"
#include "redis/client/error_reply.hpp"
#include "resp/writer.hpp"

namespace eventy::redis {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds wait_time{30};
constexpr seconds wait_time_without_unblock{1};  // then a new key has to wait until the running wait ends
constexpr seconds margin{2};                     // Redis ends waits up to a second late
constexpr seconds linger{1};
constexpr milliseconds error_rest{250};
constexpr seconds unblock_deadline{1};
constexpr milliseconds first_unblock_rest{2}, longest_unblock_rest{100};

}  // namespace

WaitChannel::WaitChannel(Surroundings& surroundings, CommandChannel& commands)
    : surroundings_(surroundings),
      commands_(commands),
      supervisor_(surroundings, *this, "waits", {.id = true}),
      retry_(surroundings, [this] { go_on(); }),
      overdue_(surroundings, [this] { supervisor_.drop({Loss::Kind::silent, "a wait does not end"}); }),
      linger_(surroundings, [this] { nobody_waits(); }) {}

void WaitChannel::stop() {
    stopped_ = true;
    supervisor_.stop();
    retry_.cancel();
    overdue_.cancel();
    linger_.cancel();
    const auto waiters = std::exchange(waiters_, {});
    const auto orphaned = std::exchange(orphaned_, {});
}

void WaitChannel::wait(const std::string& key, std::function<void()> woken) {
    if (stopped_) {
        return;
    }
    waiters_[key] = std::move(woken);
    plan_.add(key);
    linger_.cancel();
    ending_ = false;
    go_on_soon();
}

void WaitChannel::stop_waiting(const std::string& key) {
    plan_.remove(key);
    const auto waiter = waiters_.extract(key);
    if (!stopped_ && !plan_.wants_any() && supervisor_.is_started()) {
        linger_.set_after(linger);
    }
}

void WaitChannel::suspect(const std::string& why) {
    if (supervisor_.is_up()) {
        supervisor_.drop({Loss::Kind::silent, why});
    }
}

void WaitChannel::nobody_waits() {
    ending_ = true;
    go_on();
}

/// What was added in one go of the I/O thread needs one new wait only.
void WaitChannel::go_on_soon() {
    if (!go_on_posted_) {
        go_on_posted_ = true;
        boost::asio::post(surroundings_.io, [life = surroundings_.life, this] {
            if (const auto alive = life.lock()) {
                go_on_posted_ = false;
                go_on();
            }
        });
    }
}

void WaitChannel::go_on() {
    if (stopped_) {
        return;
    }
    if (plan_.wants_any()) {
        supervisor_.start();
    }
    if (!plan_.is_blocked() && ending_) {
        was_up_ = false;
        supervisor_.stop();
    }
    if (!supervisor_.is_up()) {
        return;
    }
    if (!plan_.is_blocked() && !retry_.is_set()) {
        block();
    } else if ((plan_.lacks_a_key() || ending_) && !unblocking_ && !retry_.is_set()) {
        unblock();
    }
}

void WaitChannel::block() {
    const auto keys = plan_.begin();
    if (keys.empty()) {
        return;
    }
    auto& connection = supervisor_.connection();
    can_unblock_ = can_unblock_ && connection.id() != 0;
    const auto time = can_unblock_ ? wait_time : wait_time_without_unblock;
    const auto time_text = std::to_string(time.count());
    std::vector<std::string_view> args = {"BLPOP"};
    args.insert(args.end(), keys.begin(), keys.end());
    args.push_back(time_text);
    resp::append_command(connection.staging(), args);
    connection.flush();
    ++wait_number_;
    unblocks_ = 0;
    unblocking_ = false;
    overdue_.set_after(time + margin);
}

void WaitChannel::unblock() {
    if (!can_unblock_) {
        return;  // the wait is a short one
    }
    unblocking_ = true;
    const auto id = std::to_string(supervisor_.connection().id());
    // Not to be sent again: after a restart of the server the number may be somebody else's.
    commands_.send(
        make_command({"CLIENT", "UNBLOCK", id}), std::chrono::steady_clock::now() + unblock_deadline,
        [this, wait = wait_number_](const detail::Result<Reply>& result) { unblock_answered(wait, result); },
        Pipeline::Resend::no);
}

void WaitChannel::unblock_answered(std::uint64_t wait, const detail::Result<Reply>& result) {
    if (wait != wait_number_ || !plan_.is_blocked() || !unblocking_) {
        return;
    }
    if (result.ok() && result.value().kind == Reply::Kind::integer && result.value().integer == 1) {
        return;  // the wait ends
    }
    if (result.ok() && result.value().is_error()) {
        detail::log(LogLevel::info, surroundings_.place +
                                        ": waits are short, because CLIENT UNBLOCK is refused: " + result.value().text);
        can_unblock_ = false;
        supervisor_.drop({Loss::Kind::passing, "the running wait cannot be broken off"});
        return;
    }
    // The commands of two connections meet in Redis in any order: the wait has not begun there, or is just ending.
    unblocking_ = false;
    retry_.set_after(std::min(first_unblock_rest * (1 << std::min(unblocks_++, 6)), longest_unblock_rest));
}

void WaitChannel::up() {
    const bool again = std::exchange(was_up_, true);
    go_on();
    if (!again) {
        return;
    }
    std::vector<std::string> keys;
    keys.reserve(waiters_.size());
    for (const auto& [key, woken] : waiters_) {
        keys.push_back(key);
    }
    for (const auto& key : keys) {
        if (const auto found = waiters_.find(key); found != waiters_.end()) {
            const auto woken = found->second;  // it may stop waiting
            call(woken);
        }
    }
}

void WaitChannel::received(std::vector<Reply>& replies) {
    for (const auto& reply : replies) {
        if (stopped_) {
            return;
        }
        if (!plan_.is_blocked()) {
            supervisor_.drop({Loss::Kind::passing, "it answers what nobody asked"});
            return;
        }
        if (asks_to_resend(reply)) {
            supervisor_.drop_for(reply);
            return;
        }
        plan_.ended();
        overdue_.cancel();
        unblocking_ = false;
        retry_.cancel();
        supervisor_.proved_useful();
        if (reply.is_error() && !reply.is_error("UNBLOCKED")) {
            // Most likely somebody put another type there; whoever waits looks from time to time anyway.
            detail::log(LogLevel::info, surroundings_.place + ": waiting failed: " + reply.text);
            retry_.set_after(error_rest);
        }
        popped(reply);
        go_on_soon();
    }
}

void WaitChannel::popped(const Reply& reply) {
    if (reply.kind != Reply::Kind::array || reply.items.size() != 2) {
        return;
    }
    const auto& key = reply.items[0].text;
    if (const auto found = waiters_.find(key); found != waiters_.end()) {
        const auto woken = found->second;
        call(woken);
    } else {
        const auto orphaned = orphaned_;
        call(orphaned, key);
    }
}

void WaitChannel::down(const Loss&) {
    plan_.ended();
    overdue_.cancel();
    retry_.cancel();
    unblocking_ = false;
    if (!plan_.wants_any()) {
        was_up_ = false;
        linger_.cancel();
        ending_ = false;
        supervisor_.stop();
    }
}

}  // namespace eventy::redis
