// A ClientCore on a thread of its own, with calls that wait.
#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/io_thread.hpp"
#include "redis/client/client_core.hpp"

namespace eventy::redis::test {

/// Nothing here takes so long; a test that waits longer hangs.
inline constexpr std::chrono::seconds hang_guard{30};

template <class T>
T get(std::future<T> future) {
    if (future.wait_for(hang_guard) != std::future_status::ready) {
        throw std::runtime_error("nothing came within 30 s");
    }
    return future.get();
}

/// What another thread reports, in order; `next` waits for it.
template <class T>
class Reports {
public:
    void add(T value) {
        const std::lock_guard lock(mutex_);
        values_.push_back(std::move(value));
        added_.notify_all();
    }
    T next() {
        std::unique_lock lock(mutex_);
        if (!added_.wait_for(lock, hang_guard, [&] { return !values_.empty(); })) {
            throw std::runtime_error("nothing was reported within 30 s");
        }
        T value = std::move(values_.front());
        values_.pop_front();
        return value;
    }
    std::size_t size() {
        const std::lock_guard lock(mutex_);
        return values_.size();
    }
    void clear() {
        const std::lock_guard lock(mutex_);
        values_.clear();
    }

private:
    std::mutex mutex_;
    std::condition_variable added_;
    std::deque<T> values_;
};

/// A promise that another thread may wait for several times.
class Gate {
public:
    void open() { promise_.set_value(); }
    void pass() const { future_.wait_for(hang_guard); }

private:
    std::promise<void> promise_;
    std::shared_future<void> future_{promise_.get_future()};
};

inline ClientOptions options_for(int port) {
    ClientOptions options;
    options.port = port;
    return options;
}

inline detail::Deadline in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

inline bool contains(const std::string& text, std::string_view words) { return text.find(words) != std::string::npos; }

class TestClient {
public:
    explicit TestClient(ClientOptions options) : core_(std::make_unique<ClientCore>(io_, std::move(options))) {}
    ~TestClient() { close(); }

    detail::IoThread& io() { return io_; }
    ClientCore& core() { return *core_; }

    /// Runs it on the I/O thread and waits.
    template <class F>
    auto run(F function) {
        std::packaged_task<decltype(function())()> task(std::move(function));
        auto shared = std::make_shared<decltype(task)>(std::move(task));
        auto future = shared->get_future();
        io_.post([shared] { (*shared)(); });
        return get(std::move(future));
    }
    void close() {
        run([this] { core_.reset(); });
    }

    std::future<detail::Result<Reply>> send(std::vector<std::string> args, detail::Deadline deadline = {}) {
        auto promise = std::make_shared<std::promise<detail::Result<Reply>>>();
        io_.post([this, args = std::move(args), deadline, promise] {
            if (core_) {
                core_->send(make_command({args.begin(), args.end()}, args.size() > 1 ? args[1] : ""), deadline,
                            [promise](auto result) { promise->set_value(std::move(result)); });
            }
        });
        return promise->get_future();
    }
    detail::Result<Reply> ask(std::vector<std::string> args, detail::Deadline deadline = {}) {
        return get(send(std::move(args), deadline));
    }
    detail::Result<detail::Done> wait_ready(std::chrono::milliseconds time = hang_guard) {
        auto promise = std::make_shared<std::promise<detail::Result<detail::Done>>>();
        run([&] {
            core_->wait_ready(std::chrono::steady_clock::now() + time,
                              [promise](auto result) { promise->set_value(std::move(result)); });
        });
        return get(promise->get_future());
    }

private:
    detail::IoThread io_;
    std::unique_ptr<ClientCore> core_;
};

}  // namespace eventy::redis::test
