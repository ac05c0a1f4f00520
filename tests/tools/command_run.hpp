// Running the real eventy command, and what stands around it in these tests.
#pragma once
#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/redis_server.hpp"

namespace eventy::test {

/// A hang guard: no test depends on how long anything takes below it.
inline constexpr auto patience = std::chrono::seconds(60);

/// Asks until the answer is yes; false when patience ends.
template <class F>
bool eventually(F ask) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!ask()) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

/// One running process. Its stdout and stderr are collected; waits are hang-guarded by `patience`.
class CommandRun {
public:
    struct Options {
        std::string input = {};  // all of its stdin
        std::map<std::string, std::string> environment = {};
        std::string folder = {};        // where it runs; empty: here
        bool input_stays_open = false;  // more comes by `write`, until `close_input`
    };
    /// The first word is the program, by path or in PATH.
    explicit CommandRun(std::vector<std::string> words) : CommandRun(std::move(words), Options{}) {}
    CommandRun(std::vector<std::string> words, Options);
    /// Kills it if it runs.
    ~CommandRun();
    CommandRun(const CommandRun&) = delete;
    CommandRun& operator=(const CommandRun&) = delete;

    pid_t pid() const { return pid_; }
    void signal(int number) const;
    void write(std::string_view);
    void close_input();
    /// Whether this comes in its stdout or stderr before it ends.
    bool wait_for_output(std::string_view);
    bool wait_for_errors(std::string_view);

    struct Ended {
        int code = -1;  // 128 + the signal's number where one ended it
        std::string out = {}, err = {};
    };
    /// Until it has ended and nobody has its stdout and stderr open: also not what it started.
    Ended wait();

private:
    void collect(int fd, std::string&);
    bool wait_for_text(const std::string& where, std::string_view text);

    pid_t pid_ = 0;
    int input_ = -1;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string out_, err_;
    int open_outputs_ = 2;
    int give_up_ = -1;  // readable once nobody waits for the outputs any more
    std::thread out_thread_, err_thread_, input_thread_;
};

/// A server of its own and the command on it.
class CommandTest : public testing::Test {
protected:
    explicit CommandTest(RedisServer::Options = {});
    ~CommandTest() override;

    std::vector<std::string> words(std::vector<std::string> arguments) const;
    CommandRun::Options options(std::string input = {}) const;
    /// Runs `eventy arguments...` to its end.
    CommandRun::Ended eventy(std::vector<std::string> arguments, std::string input = {}) const;
    /// stdout without its last newline; the exit code must be 0.
    std::string ask(std::vector<std::string> arguments, std::string input = {}) const;
    /// Publishes `count` events {"n": 1}, {"n": 2}, ...
    void publish(const std::string& type, int count) const;
    /// As if the time of every lease on events of T were over.
    void end_leases();
    void write_file(const std::string& name, std::string_view text) const;
    std::string read_file(const std::string& name) const;

    RedisServer server_;
    std::string folder_;
};

/// NDJSON: {"n": 1} to {"n": count}.
std::string numbered(int count);
std::vector<std::string> lines(const std::string& text);

}  // namespace eventy::test
