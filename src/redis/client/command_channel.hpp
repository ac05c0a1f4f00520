// The connection for commands.
#pragma once
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "redis/client/client_core.hpp"
#include "redis/client/pipeline.hpp"
#include "redis/client/server_clock.hpp"
#include "redis/client/supervisor.hpp"

namespace eventy::redis {

/// Does what the pipeline says: writes what waits in as few writes as possible, hands out replies, gives up at
/// deadlines, and drops a connection that owes an answer for too long.
class CommandChannel final : private Supervisor::Owner {
public:
    explicit CommandChannel(Surroundings&);

    void start() { supervisor_.start(); }
    /// Ends all without calling anybody.
    void stop();

    void send(Command, detail::Deadline, detail::Callback<Reply>, Pipeline::Resend = Pipeline::Resend::yes);
    void wait_ready(detail::Deadline, detail::Callback<detail::Done>);
    void on_reconnect(std::uint64_t token, std::function<void()>);
    void remove_on_reconnect(std::uint64_t token);
    detail::Presence presence() const;
    const std::string& trouble() const { return trouble_; }
    ServerClock& server_clock() { return server_clock_; }
    void on_presence(std::uint64_t token, std::function<void()>);
    void remove_on_presence(std::uint64_t token);
    /// Called when the server did not answer in time: other connections to it are suspect too.
    void on_silence(std::function<void()> function) { on_silence_ = std::move(function); }
    /// Called when the connection is there again, with the time of its loss: perhaps it leads to another server now
    /// than other connections that were there before.
    using TimePoint = std::chrono::steady_clock::time_point;
    void on_return(std::function<void(TimePoint)> function) { on_return_ = std::move(function); }

private:
    struct ReadyWaiter {
        detail::Deadline deadline = {};
        detail::Callback<detail::Done> done = {};
    };

    void up() override;
    void received(std::vector<Reply>&) override;
    void written() override { write(); }
    void down(const Loss&) override;

    void write_soon();
    void write();
    void watch_for_silence();
    void look_for_silence();
    std::chrono::steady_clock::duration patience() const;
    void look_at_deadlines();
    void set_deadline_alarm(detail::Deadline);
    using Watchers = std::map<std::uint64_t, std::function<void()>>;
    static void tell(const Watchers&);
    void tell_ready(std::list<ReadyWaiter>, const std::optional<detail::Failure>&);
    void tell_ended(std::vector<Pipeline::Ended>, errc, const std::string& why);
    void fail_later(Command, detail::Callback<Reply>);
    std::string describe(const Command&) const;

    Surroundings& surroundings_;
    Pipeline pipeline_ = {};
    ServerClock server_clock_ = {};
    Supervisor supervisor_;
    Alarm deadline_alarm_, silence_alarm_;
    std::list<ReadyWaiter> ready_waiters_ = {};
    Watchers reconnect_watchers_ = {}, presence_watchers_ = {};
    std::function<void()> on_silence_ = {};
    std::function<void(TimePoint)> on_return_ = {};
    std::optional<TimePoint> lost_at_ = {};                   // until it is there again
    std::chrono::steady_clock::time_point owing_since_ = {};  // there is an answer to come since then
    std::optional<std::string> refused_ = {};                 // why waiting does not help
    std::string trouble_ = "not connected yet";               // the last one, for messages
    int silences_ = 0;                                        // in a row
    bool missed_something_ = false;                           // it was up, or refused somebody, before the next up
    bool was_up_ = false;                                     // since the last loss
    bool write_posted_ = false;
    bool stopped_ = false;
};

}  // namespace eventy::redis
