// The one thread of a backend: it owns sockets, timers, batches and delivery state.
#pragma once
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <thread>

#include "base/home_process.hpp"

namespace eventy::detail {

/// Runs an io_context until it is destroyed. Destroyed on its own thread it lets that thread end by itself; elsewhere
/// it waits for the thread. What was posted but had not run by then is dropped.
class IoThread {
public:
    IoThread();
    ~IoThread();
    IoThread(const IoThread&) = delete;
    IoThread& operator=(const IoThread&) = delete;

    boost::asio::io_context& context() { return *context_; }
    /// From any thread; runs in the order of posting. What it throws is logged as an error.
    void post(std::function<void()>);
    /// False in a forked child, where the thread does not run.
    bool is_at_home() const { return home_.is_here(); }
    bool on_this_thread() const { return std::this_thread::get_id() == thread_.get_id(); }

private:
    std::shared_ptr<boost::asio::io_context> context_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::thread thread_;
    HomeProcess home_;
};

}  // namespace eventy::detail
