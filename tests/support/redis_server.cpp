#include "support/redis_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace eventy::test {

namespace {

using std::chrono::steady_clock;

constexpr auto patience = std::chrono::seconds(30);

std::string make_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "eventy-redis-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
        throw std::runtime_error("cannot make a folder like " + name);
    }
    return name;
}

int free_port() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const bool ok = fd >= 0 && bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    close(fd);
    if (!ok) {
        throw std::runtime_error("no free port on 127.0.0.1");
    }
    return ntohs(address.sin_port);
}

RedisValue to_value(const redisReply& reply) {
    RedisValue value;
    switch (reply.type) {
        case REDIS_REPLY_INTEGER:
            value.kind = RedisValue::Kind::integer;
            value.integer = reply.integer;
            break;
        case REDIS_REPLY_ARRAY:
            value.kind = RedisValue::Kind::array;
            for (std::size_t i = 0; i < reply.elements; ++i) {
                value.items.push_back(to_value(*reply.element[i]));
            }
            break;
        case REDIS_REPLY_NIL: break;
        default:
            value.kind = reply.type == REDIS_REPLY_STATUS  ? RedisValue::Kind::status
                         : reply.type == REDIS_REPLY_ERROR ? RedisValue::Kind::error
                                                           : RedisValue::Kind::text;
            value.text.assign(reply.str, reply.len);
    }
    return value;
}

}  // namespace

std::string RedisValue::str() const { return kind == Kind::integer ? std::to_string(integer) : text; }

std::vector<std::string> RedisValue::texts() const {
    std::vector<std::string> all;
    for (const RedisValue& item : items) {
        all.push_back(item.str());
    }
    return all;
}

std::string RedisValue::field(std::string_view name) const {
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
        if (items[i].text == name) {
            return items[i + 1].str();
        }
    }
    return {};
}

void RedisServer::ContextDeleter::operator()(redisContext* context) const { redisFree(context); }

RedisServer::RedisServer(Options options) : options_(std::move(options)), folder_(make_folder()) {
    // Between asking for a free port and Redis binding it another process may take it.
    for (int attempt = 0; attempt < 10; ++attempt) {
        port_ = free_port();
        if (launch()) {
            return;
        }
    }
    const std::string tail = log_tail();
    std::filesystem::remove_all(folder_);
    throw std::runtime_error("redis-server does not start: " + tail);
}

RedisServer::~RedisServer() {
    if (running()) {
        reap(SIGKILL);
    }
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::string RedisServer::url() const { return "redis://127.0.0.1:" + std::to_string(port_) + "/0"; }

bool RedisServer::launch() {
    std::vector<std::string> words = {"redis-server",
                                      "--port",
                                      std::to_string(port_),
                                      "--bind",
                                      "127.0.0.1",
                                      "--unixsocket",
                                      socket_path(),
                                      "--dir",
                                      folder_,
                                      "--logfile",
                                      folder_ + "/redis.log",
                                      "--daemonize",
                                      "no",
                                      "--save",
                                      "",
                                      "--appendonly",
                                      options_.append_only ? "yes" : "no",
                                      "--appendfsync",
                                      "always"};
    words.insert(words.end(), options_.arguments.begin(), options_.arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);

    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ < 0) {
        throw std::runtime_error("cannot fork");
    }
    if (pid_ == 0) {
        // Only what is safe between fork and exec in a program with threads.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, nullptr);
        const int null = open("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        closefrom(STDERR_FILENO + 1);
        execvp(argv[0], argv.data());
        _exit(127);
    }

    const auto end = steady_clock::now() + patience;
    while (steady_clock::now() < end) {
        if (exited()) {
            return false;
        }
        // By the socket in our own folder: on the port some other server might answer.
        context_.reset(redisConnectUnix(socket_path().c_str()));
        if (context_ && context_->err == 0) {
            redisSetTimeout(context_.get(), timeval{std::chrono::seconds(patience).count(), 0});
            const RedisValue pong = command({"PING"});
            if (!pong.is_error() || pong.text.rfind("NOAUTH", 0) == 0) {
                return true;
            }
        }
        context_.reset();
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    reap(SIGKILL);
    return false;
}

bool RedisServer::exited() {
    if (pid_ <= 0 || waitpid(pid_, nullptr, WNOHANG) != pid_) {
        return false;
    }
    pid_ = 0;
    return true;
}

void RedisServer::reap(int signal) {
    context_.reset();
    if (pid_ <= 0) {
        return;
    }
    kill(pid_, signal);
    kill(pid_, SIGCONT);  // a paused one would not see SIGTERM
    const auto end = steady_clock::now() + patience;
    while (!exited()) {
        if (steady_clock::now() > end) {
            kill(pid_, SIGKILL);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

void RedisServer::kill9() { reap(SIGKILL); }
void RedisServer::stop() { reap(SIGTERM); }

void RedisServer::start() {
    if (!running() && !launch()) {
        throw std::runtime_error("redis-server does not start again: " + log_tail());
    }
}

void RedisServer::restart() {
    stop();
    start();
}

void RedisServer::pause() {
    kill(pid_, SIGSTOP);
    waitpid(pid_, nullptr, WUNTRACED);
}

void RedisServer::resume() { kill(pid_, SIGCONT); }

RedisValue RedisServer::command(const std::vector<std::string>& arguments) {
    if (!context_ || context_->err != 0) {
        context_.reset(redisConnectUnix(socket_path().c_str()));
        if (!context_ || context_->err != 0) {
            throw std::runtime_error("cannot connect to " + socket_path() + ": " + log_tail());
        }
        redisSetTimeout(context_.get(), timeval{std::chrono::seconds(patience).count(), 0});
    }
    std::vector<const char*> words;
    std::vector<std::size_t> sizes;
    for (const std::string& argument : arguments) {
        words.push_back(argument.data());
        sizes.push_back(argument.size());
    }
    void* const raw = redisCommandArgv(context_.get(), static_cast<int>(arguments.size()), words.data(), sizes.data());
    if (raw == nullptr) {
        throw std::runtime_error("no reply to " + arguments.at(0) + ": " + context_->errstr + "; " + log_tail());
    }
    const std::unique_ptr<void, void (*)(void*)> owner(raw, &freeReplyObject);
    return to_value(*static_cast<redisReply*>(raw));
}

RedisValue RedisServer::must(const std::vector<std::string>& arguments) {
    RedisValue value = command(arguments);
    if (value.is_error()) {
        throw std::runtime_error(arguments.at(0) + ": " + value.text);
    }
    return value;
}

std::vector<std::string> RedisServer::keys() {
    std::vector<std::string> all = must({"KEYS", "*"}).texts();
    std::sort(all.begin(), all.end());
    return all;
}

std::string RedisServer::log_tail() const {
    std::ifstream log(folder_ + "/redis.log");
    std::string all((std::istreambuf_iterator<char>(log)), std::istreambuf_iterator<char>());
    return all.size() > 800 ? all.substr(all.size() - 800) : all;
}

}  // namespace eventy::test
