#include "redis/client/client_core.hpp"

#include <utility>

#include "base/io_thread.hpp"
#include "redis/client/client_options.hpp"
#include "redis/client/command_channel.hpp"
#include "redis/client/pubsub_channel.hpp"
#include "redis/client/wait_channel.hpp"

namespace eventy::redis {

namespace {

constexpr std::chrono::milliseconds probe_time{1000};

}  // namespace

/// The three connections and what they share. Held by handlers while they run, so it may outlive its ClientCore for a
/// moment; it is stopped then.
class ClientCore::Impl {
public:
    Impl(boost::asio::io_context& io, ClientOptions options)
        : surroundings{io, options, describe(options)},
          commands(surroundings),
          waits(surroundings, commands),
          pubsub(surroundings, [this](const std::string& channel) { look_at_server(channel); }) {
        commands.on_silence([this] {
            const std::string why = "the connection for commands got no answer";
            waits.suspect(why);
            pubsub.suspect(why);
        });
        commands.on_return([this](CommandChannel::TimePoint lost) {
            pubsub.suspect_older_than(lost, "the connection for commands had been lost");
        });
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    /// The command changes nothing, and a replica refuses it: then the connection is made anew, and see `on_return`.
    void look_at_server(const std::string& channel) {
        commands.send(make_command({"PERSIST", channel}, channel), std::chrono::steady_clock::now() + probe_time, {},
                      Pipeline::Resend::no);
    }

    void stop() {
        pubsub.stop();
        waits.stop();
        commands.stop();
    }

    Surroundings surroundings;
    CommandChannel commands;
    WaitChannel waits;
    PubSubChannel pubsub;
};

ClientCore::ClientCore(detail::IoThread& io, ClientOptions options)
    : impl_(std::make_shared<Impl>(io.context(), std::move(options))) {
    impl_->surroundings.life = impl_;
    // Posted: the client may be made on any thread, and connects on its own.
    io.post([life = std::weak_ptr(impl_)] {
        if (const auto impl = life.lock()) {
            impl->commands.start();
        }
    });
}

ClientCore::~ClientCore() { impl_->stop(); }

const ClientOptions& ClientCore::options() const { return impl_->surroundings.options; }

void ClientCore::send(Command command, Deadline deadline, Callback<Reply> done) {
    impl_->commands.send(std::move(command), deadline, std::move(done));
}

void ClientCore::wait_ready(Deadline deadline, Callback<Done> done) {
    impl_->commands.wait_ready(deadline, std::move(done));
}

void ClientCore::wait_list(std::string key, std::function<void()> woken) { impl_->waits.wait(key, std::move(woken)); }

void ClientCore::stop_waiting(const std::string& key) { impl_->waits.stop_waiting(key); }

void ClientCore::set_orphaned(std::function<void(std::string key)> orphaned) {
    impl_->waits.on_orphan(std::move(orphaned));
}

void ClientCore::listen(std::uint64_t token, std::string channel, Listener listener, Callback<Done> ready) {
    impl_->pubsub.listen(token, channel, std::move(listener), std::move(ready));
}

void ClientCore::unlisten(std::uint64_t token) { impl_->pubsub.unlisten(token); }

void ClientCore::on_reconnect(std::uint64_t token, std::function<void()> watcher) {
    impl_->commands.on_reconnect(token, std::move(watcher));
}

void ClientCore::remove_on_reconnect(std::uint64_t token) { impl_->commands.remove_on_reconnect(token); }

detail::Presence ClientCore::presence() const { return impl_->commands.presence(); }

const std::string& ClientCore::trouble() const { return impl_->commands.trouble(); }

ServerClock& ClientCore::server_clock() { return impl_->commands.server_clock(); }

void ClientCore::on_presence(std::uint64_t token, std::function<void()> watcher) {
    impl_->commands.on_presence(token, std::move(watcher));
}

void ClientCore::remove_on_presence(std::uint64_t token) { impl_->commands.remove_on_presence(token); }

}  // namespace eventy::redis
