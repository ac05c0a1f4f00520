#include "redis/client/pubsub_channel.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "redis/client/error_reply.hpp"
#include "resp/writer.hpp"

namespace eventy::redis {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds quiet_time{2000};  // then it is asked for a sign of life
constexpr milliseconds patience{1000};    // for the sign

/// Whether a reply is a push of this kind: ["message", channel, payload].
bool is_push(const Reply& reply, std::string_view kind, std::size_t size) {
    return reply.kind == Reply::Kind::array && reply.items.size() == size && reply.items[0].text == kind;
}

}  // namespace

PubSubChannel::PubSubChannel(Surroundings& surroundings, std::function<void(const std::string& channel)> look_at_server)
    : surroundings_(surroundings),
      look_at_server_(std::move(look_at_server)),
      supervisor_(surroundings, *this, "pub/sub", {}),
      silence_alarm_(surroundings, [this] { look_for_silence(); }) {}

void PubSubChannel::stop() {
    stopped_ = true;
    supervisor_.stop();
    silence_alarm_.cancel();
    const auto ears = std::exchange(ears_, {});
}

// -- who listens -----------------------------------------------------------------------------------------------------

void PubSubChannel::listen(std::uint64_t token, const std::string& channel, Listener listener, Ready ready) {
    if (stopped_) {
        return;
    }
    ears_[token] = Ear{channel, std::move(listener), std::move(ready)};
    auto& known = channels_[channel];
    known.tokens.insert(token);
    supervisor_.start();
    if (!supervisor_.is_up()) {
        return;  // `up` subscribes
    }
    if (known.subscribed) {
        boost::asio::post(surroundings_.io, [life = surroundings_.life, this, token] {
            if (const auto alive = life.lock()) {
                subscribed(token);
            }
        });
    } else if (!is_requested(channel)) {
        request(Request::Kind::subscribe, channel);
    }
}

void PubSubChannel::unlisten(std::uint64_t token) {
    const auto ear = ears_.extract(token);
    if (ear.empty()) {
        return;
    }
    const auto found = channels_.find(ear.mapped().channel);
    found->second.tokens.erase(token);
    if (found->second.tokens.empty()) {
        channels_.erase(found);
        if (!channels_.empty() && supervisor_.is_up()) {
            request(Request::Kind::unsubscribe, ear.mapped().channel);
        }
    }
    if (channels_.empty()) {
        supervisor_.stop();
        silence_alarm_.cancel();
        requests_.clear();
    }
}

void PubSubChannel::suspect(const std::string& why) {
    if (supervisor_.is_up()) {
        supervisor_.drop({Loss::Kind::silent, why});
    }
}

void PubSubChannel::suspect_older_than(Clock::time_point time, const std::string& why) {
    if (up_since_ < time) {
        suspect(why);
    }
}

void PubSubChannel::request(Request::Kind kind, const std::string& channel) {
    auto& connection = supervisor_.connection();
    switch (kind) {
        case Request::Kind::subscribe: resp::append_command(connection.staging(), {"SUBSCRIBE", channel}); break;
        case Request::Kind::unsubscribe: resp::append_command(connection.staging(), {"UNSUBSCRIBE", channel}); break;
        case Request::Kind::ping: resp::append_command(connection.staging(), {"PING"}); break;
        case Request::Kind::probe: resp::append_command(connection.staging(), {"PERSIST", channel}); break;
    }
    connection.flush();
    requests_.push_back({kind, channel});
}

// -- what happens to the connection ----------------------------------------------------------------------------------

void PubSubChannel::up() {
    // A replica takes subscriptions, too, and refuses this.
    request(Request::Kind::probe, channels_.begin()->first);
    for (const auto& [name, channel] : channels_) {
        request(Request::Kind::subscribe, name);
    }
    up_since_ = pinged_at_ = looked_at_ = Clock::now();
    silence_alarm_.set_after(patience);
}

void PubSubChannel::down(const Loss& loss) {
    requests_.clear();
    silence_alarm_.cancel();
    for (auto& [name, channel] : channels_) {
        if (std::exchange(channel.subscribed, false)) {
            for (const auto token : channel.tokens) {
                ears_[token].missed = !ears_[token].ready;
            }
        }
    }
    if (loss.kind != Loss::Kind::refused) {
        return;
    }
    std::vector<std::uint64_t> tokens;
    tokens.reserve(ears_.size());
    for (const auto& [token, ear] : ears_) {
        tokens.push_back(token);
    }
    for (const auto token : tokens) {
        answer_ready(token,
                     detail::Failure{errc::connection, "cannot use " + surroundings_.place + ": " + loss.reason});
    }
}

void PubSubChannel::received(std::vector<Reply>& replies) {
    for (const auto& reply : replies) {
        if (stopped_ || !supervisor_.is_up()) {
            return;
        }
        if (is_push(reply, "message", 3)) {
            message(reply.items[1].text, reply.items[2].text);
            continue;
        }
        const bool answers_probe = !requests_.empty() && requests_.front().kind == Request::Kind::probe;
        if (answers_probe ? is_of_replica(reply) : asks_to_resend(reply)) {
            supervisor_.drop_for(reply);
            return;
        }
        supervisor_.proved_useful();
        if (requests_.empty()) {
            supervisor_.drop({Loss::Kind::passing, reply.is_error()
                                                       ? without_password(reply.text, surroundings_.options)
                                                       : "it answers what nobody asked"});
            return;
        }
        const auto request = std::move(requests_.front());
        requests_.pop_front();
        if (request.kind == Request::Kind::subscribe && !reply.is_error() && !is_push(reply, "subscribe", 3)) {
            supervisor_.drop({Loss::Kind::passing, "its answer to SUBSCRIBE is none"});
            return;
        }
        reply.is_error() ? refused(request, reply.text) : confirmed(request);
    }
}

void PubSubChannel::message(const std::string& channel, const std::string& payload) {
    for (const auto token : tokens_of(channel)) {
        if (const auto ear = ears_.find(token); ear != ears_.end()) {
            const auto function = ear->second.listener.message;  // it may stop listening
            call(function, std::string_view(payload));
        }
    }
}

void PubSubChannel::confirmed(const Request& request) {
    const auto found = channels_.find(request.channel);
    if (request.kind != Request::Kind::subscribe || found == channels_.end() || is_requested(request.channel)) {
        return;
    }
    found->second.subscribed = true;
    for (const auto token : tokens_of(request.channel)) {
        subscribed(token);
    }
}

void PubSubChannel::refused(const Request& request, const std::string& why) {
    if (request.kind == Request::Kind::probe) {
        return;  // this user must not write
    }
    for (const auto token : tokens_of(request.channel)) {
        answer_ready(token, detail::Failure{errc::server, "SUBSCRIBE to '" + request.channel + "' at " +
                                                              surroundings_.place + ": " + why});
    }
}

void PubSubChannel::subscribed(std::uint64_t token) {
    answer_ready(token, detail::Done{});
    const auto ear = ears_.find(token);
    if (ear != ears_.end() && std::exchange(ear->second.missed, false)) {
        const auto gap = ear->second.listener.gap;
        call(gap);
    }
}

void PubSubChannel::answer_ready(std::uint64_t token, const detail::Result<detail::Done>& result) {
    const auto ear = ears_.find(token);
    if (ear == ears_.end() || stopped_) {
        return;
    }
    if (const auto ready = std::exchange(ear->second.ready, {})) {
        ear->second.missed = !result.ok();  // it was told no: let it know when it becomes yes
        call(ready, result);
    }
}

bool PubSubChannel::is_requested(const std::string& channel) const {
    return std::ranges::any_of(requests_, [&](const Request& request) {
        return request.kind == Request::Kind::subscribe && request.channel == channel;
    });
}

std::vector<std::uint64_t> PubSubChannel::tokens_of(const std::string& channel) const {
    const auto found = channels_.find(channel);
    return found == channels_.end()
               ? std::vector<std::uint64_t>()
               : std::vector<std::uint64_t>(found->second.tokens.begin(), found->second.tokens.end());
}

// -- time ------------------------------------------------------------------------------------------------------------

void PubSubChannel::look_for_silence() {
    if (!supervisor_.is_up()) {
        return;
    }
    auto& connection = supervisor_.connection();
    const auto now = Clock::now();
    const auto last = connection.last_progress();
    if (!requests_.empty() && now >= std::max(last, pinged_at_) + patience && !connection.has_unread()) {
        supervisor_.drop({Loss::Kind::silent, "no answer for " + std::to_string(patience.count()) + " ms"});
        return;
    }
    if (requests_.empty() && now >= last + quiet_time) {
        request(Request::Kind::ping, {});
        pinged_at_ = now;
    }
    if (now >= looked_at_ + quiet_time) {
        looked_at_ = now;
        look_at_server_(channels_.begin()->first);
    }
    silence_alarm_.set_after(patience);
}

}  // namespace eventy::redis
