// A private redis-server for one test.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct redisContext;

namespace eventy::test {

/// One reply of Redis. Error replies are values here.
struct RedisValue {
    enum class Kind { nil, status, error, integer, text, array };
    Kind kind = Kind::nil;
    std::string text = {};  // of status, error, text
    std::int64_t integer = 0;
    std::vector<RedisValue> items = {};

    bool is_nil() const { return kind == Kind::nil; }
    bool is_error() const { return kind == Kind::error; }
    /// The items' texts (integers as decimals, nil as empty), for comparing a whole array.
    std::vector<std::string> texts() const;
    /// The value that follows `field` in a flat list of pairs (HGETALL, CONFIG GET); empty when there is none.
    std::string field(std::string_view name) const;
    /// text, or the integer as decimals.
    std::string str() const;
};

/// Owns one redis-server process in a fresh temporary folder, on 127.0.0.1 and on a Unix socket in the folder. It never
/// saves; with `append_only` it writes the AOF at every command. The destructor kills it and removes the folder, and
/// the kernel kills it when the thread that started it ends. Functions throw std::runtime_error with the server's last
/// log lines. One thread at a time.
class RedisServer {
public:
    struct Options {
        std::vector<std::string> arguments = {};  // such as {"--maxmemory", "50mb"}
        bool append_only = false;
    };
    RedisServer() : RedisServer(Options{}) {}
    explicit RedisServer(Options);
    explicit RedisServer(std::vector<std::string> arguments) : RedisServer(Options{std::move(arguments), false}) {}
    ~RedisServer();
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    int port() const { return port_; }
    std::string host() const { return "127.0.0.1"; }
    const std::string& folder() const { return folder_; }
    std::string socket_path() const { return folder_ + "/redis.sock"; }
    /// redis://127.0.0.1:<port>/0
    std::string url() const;
    bool running() const { return pid_ > 0; }
    /// Of its process, while it runs.
    pid_t pid() const { return pid_; }

    void kill9();    // as a crash: SIGKILL, and waits until it is gone
    void stop();     // SIGTERM, and waits until it is gone
    void start();    // again, on the same port and in the same folder
    void restart();  // stop and start
    void pause();    // SIGSTOP: connections stay, nobody answers
    void resume();

    /// On a connection of its own, in database 0, waiting up to 30 s.
    RedisValue command(const std::vector<std::string>& arguments);
    /// The same, where an error reply throws.
    RedisValue must(const std::vector<std::string>& arguments);
    /// All keys, sorted.
    std::vector<std::string> keys();

private:
    struct ContextDeleter {
        void operator()(redisContext*) const;
    };
    bool launch();  // false: it ended before it answered
    void reap(int signal);
    bool exited();
    std::string log_tail() const;

    Options options_;
    std::string folder_;
    int port_ = 0;
    pid_t pid_ = 0;
    std::unique_ptr<redisContext, ContextDeleter> context_;
};

}  // namespace eventy::test
