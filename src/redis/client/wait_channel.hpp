// The connection for blocking waits.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "redis/client/command_channel.hpp"
#include "redis/client/supervisor.hpp"
#include "redis/client/wait_plan.hpp"

namespace eventy::redis {

/// Keeps one BLPOP running over all keys that somebody waits for, and breaks it off through the command connection when
/// a key is added. The connection is there while somebody waits, and a moment longer.
class WaitChannel final : private Supervisor::Owner {
public:
    WaitChannel(Surroundings&, CommandChannel&);

    void stop();
    void wait(const std::string& key, std::function<void()> woken);
    void stop_waiting(const std::string& key);
    void on_orphan(std::function<void(std::string key)> function) { orphaned_ = std::move(function); }
    /// The server is suspected to be gone.
    void suspect(const std::string& why);

private:
    void up() override;
    void received(std::vector<Reply>&) override;
    void down(const Loss&) override;

    void go_on_soon();
    void go_on();
    void block();
    void unblock();
    void unblock_answered(std::uint64_t wait, const detail::Result<Reply>&);
    void popped(const Reply&);
    void nobody_waits();

    Surroundings& surroundings_;
    CommandChannel& commands_;
    Supervisor supervisor_;
    WaitPlan plan_ = {};
    std::map<std::string, std::function<void()>> waiters_ = {};
    std::function<void(std::string)> orphaned_ = {};
    Alarm retry_, overdue_, linger_;
    std::uint64_t wait_number_ = 0;  // of the running wait
    int unblocks_ = 0;               // that came too early for the running wait
    bool unblocking_ = false;        // a CLIENT UNBLOCK for the running wait is under way or did its work
    bool can_unblock_ = true;
    bool was_up_ = false;  // since the connection was last wanted
    bool ending_ = false;  // nobody waits for a while: end the wait and the connection
    bool go_on_posted_ = false;
    bool stopped_ = false;
};

}  // namespace eventy::redis
