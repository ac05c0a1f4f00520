// The connection for pub/sub.
#pragma once
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "redis/client/client_core.hpp"
#include "redis/client/supervisor.hpp"

namespace eventy::redis {

/// Subscribes to each channel that somebody listens to, once, again after each loss, and hands messages on. The
/// connection is there while somebody listens.
class PubSubChannel final : private Supervisor::Owner {
public:
    using Listener = ClientCore::Listener;
    using Ready = detail::Callback<detail::Done>;

    /// `look_at_server` is called now and then while somebody listens, with a channel: only who sends something that
    /// writes learns that the server has become a replica. Its pub/sub goes on, with nothing to say.
    PubSubChannel(Surroundings&, std::function<void(const std::string& channel)> look_at_server);

    void stop();
    void listen(std::uint64_t token, const std::string& channel, Listener, Ready);
    void unlisten(std::uint64_t token);
    /// The server is suspected to be gone.
    void suspect(const std::string& why);
    /// The same, if the connection was made before.
    void suspect_older_than(std::chrono::steady_clock::time_point, const std::string& why);

private:
    struct Ear {
        std::string channel = {};
        Listener listener = {};
        Ready ready = {};     // not called yet
        bool missed = false;  // messages may have passed: tell when subscribed again
    };
    struct Channel {
        std::set<std::uint64_t> tokens = {};
        bool subscribed = false;  // confirmed by Redis
    };
    struct Request {
        enum class Kind { subscribe, unsubscribe, ping, probe };
        Kind kind = Kind::subscribe;
        std::string channel = {};
    };

    void up() override;
    void received(std::vector<Reply>&) override;
    void down(const Loss&) override;

    void request(Request::Kind, const std::string& channel);
    void message(const std::string& channel, const std::string& payload);
    void confirmed(const Request&);
    void refused(const Request&, const std::string& why);
    void subscribed(std::uint64_t token);
    void answer_ready(std::uint64_t token, const detail::Result<detail::Done>&);
    void look_for_silence();
    bool is_requested(const std::string& channel) const;
    std::vector<std::uint64_t> tokens_of(const std::string& channel) const;

    Surroundings& surroundings_;
    std::function<void(const std::string& channel)> look_at_server_;
    Supervisor supervisor_;
    Alarm silence_alarm_;
    std::map<std::uint64_t, Ear> ears_ = {};
    std::map<std::string, Channel> channels_ = {};
    std::deque<Request> requests_ = {};  // without an answer yet
    std::chrono::steady_clock::time_point up_since_ = {}, pinged_at_ = {}, looked_at_ = {};
    bool stopped_ = false;
};

}  // namespace eventy::redis
