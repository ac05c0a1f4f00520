// One process of the experiment.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace eventy::ledger {

/// This program again, in a role. The kernel kills it when the thread that started it ends; the destructor kills it,
/// too. Its output goes to a file. One thread at a time. Throws std::system_error.
class RoleProcess {
public:
    RoleProcess(const std::vector<std::string>& arguments, const std::string& output_file);
    ~RoleProcess();
    RoleProcess(const RoleProcess&) = delete;
    RoleProcess& operator=(const RoleProcess&) = delete;

    pid_t pid() const { return pid_; }
    void signal(int number) const;
    /// How it ended, in words ("status 0", "signal 9"); nothing while it lives. Does not wait.
    std::optional<std::string> ended();
    void wait();

private:
    pid_t pid_ = 0;
    std::optional<std::string> how_;
};

}  // namespace eventy::ledger
