// Which queue's user code runs on this thread: waits that would wait for it are refused or skipped.
#pragma once

namespace eventy::detail {

/// While it lives, this thread runs a handler or watcher of that queue. Any address that stands for the queue will do.
class RunningScope {
public:
    explicit RunningScope(const void* queue) : outer_(current_) { current_ = queue; }
    ~RunningScope() { current_ = outer_; }
    RunningScope(const RunningScope&) = delete;
    RunningScope& operator=(const RunningScope&) = delete;

    static bool inside(const void* queue) { return current_ == queue; }

private:
    static thread_local const void* current_;
    const void* outer_;
};

}  // namespace eventy::detail
