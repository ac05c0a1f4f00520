// A place for one worker or publisher: a process after another, behind one proxy.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "ledger/ledger_file.hpp"
#include "ledger/options.hpp"
#include "ledger/role_process.hpp"
#include "support/tcp_proxy.hpp"

namespace eventy::ledger {

struct SlotTerms {
    const Options& options;
    std::string folder;
    int redis_port = 0;
};

/// Writes into the ledger what it does, before it does it where that may end something, after it where it goes on. Each
/// process of slot w2 has a name of its own: w2.1, w2.2. One thread. What is asked of a slot that has no process, or is
/// under that fault already, does nothing.
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
    void cut();
    /// The number of the process, for the call that ends it; nothing when nothing was done.
    std::optional<int> stop();
    void go_on(int life);
    std::optional<int> hold(bool requests, bool replies);
    void flow(int life);

private:
    bool is_publisher() const { return name_.starts_with("p"); }
    std::string process_name() const { return name_ + '.' + std::to_string(life_); }
    void write(What, std::string note = {});
    void let_flow();
    int published_so_far() const;

    std::string name_;
    SlotTerms terms_;
    LedgerFile& ledger_;
    test::TcpProxy proxy_;
    std::unique_ptr<RoleProcess> process_;
    int life_ = 0;
    bool stopped_ = false, held_ = false, done_ = false;
};

}  // namespace eventy::ledger
