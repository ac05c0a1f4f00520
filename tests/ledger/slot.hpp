// A place for one worker or publisher: a process after another, behind a proxy for each server.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/ledger_file.hpp"
#include "ledger/options.hpp"
#include "ledger/role_process.hpp"
#include "support/tcp_proxy.hpp"

namespace eventy::ledger {

struct SlotTerms {
    const Options& options;
    std::string folder;
    std::vector<int> redis_ports = {};
    Micros rests_until = 0;
};

/// Writes into the ledger what it does, before it does it where that may end something, after it where it goes on. Each
/// process of slot w2 has a name of its own: w2.1, w2.2. One thread. What is asked of a slot that has no process, or is
/// under that fault already, does nothing. Servers count from 1.
class Slot {
public:
    Slot(std::string name, const SlotTerms&, LedgerFile&);

    void spawn();
    /// True once for each process that ended and needs a successor.
    bool reap();
    bool lives() const { return process_ != nullptr; }
    /// A publisher's work is done, or this is none.
    bool has_published() const { return !is_publisher() || done_; }

    void kill9();
    void terminate(const std::string& why = {});
    void cut(int server);
    /// The number of the process, for the call that ends it; nothing when nothing was done.
    std::optional<int> stop();
    void go_on(int life);
    std::optional<int> hold(int server, bool requests, bool replies);
    void flow(int server, int life);

private:
    struct Way {
        std::unique_ptr<test::TcpProxy> proxy;
        bool held = false;
    };

    Way& way_to(int server) { return ways_.at(static_cast<std::size_t>(server - 1)); }
    bool is_publisher() const { return name_.starts_with("p"); }
    std::string process_name() const { return name_ + '.' + std::to_string(life_); }
    void write(What, std::string note = {}, int server = 0);
    void let_flow(int server);
    int published_so_far() const;

    std::string name_;
    SlotTerms terms_;
    LedgerFile& ledger_;
    std::vector<Way> ways_;  // to each server
    std::unique_ptr<RoleProcess> process_;
    int life_ = 0;
    bool stopped_ = false, done_ = false;
};

}  // namespace eventy::ledger
