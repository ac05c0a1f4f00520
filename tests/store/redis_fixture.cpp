#include "store/redis_fixture.hpp"

#include <algorithm>
#include <eventy/log.hpp>
#include <mutex>

namespace eventy::test {

RedisStoreTest::RedisStoreTest(RedisServer::Options options) : server_(std::move(options)) {}

void RedisStoreTest::TearDown() {
    if (HasFailure()) {
        ADD_FAILURE() << "what was done:\n" << history_->text();
    }
}

std::unique_ptr<Session> RedisStoreTest::open(redis::ClientOptions options, detail::StoreSettings settings,
                                              redis::RedisStore::Limits limits) {
    options.port = server_.port();
    return open_at(std::move(options), settings, limits);
}

std::unique_ptr<Session> RedisStoreTest::open_over(int port, redis::RedisStore::Limits limits) {
    redis::ClientOptions options;
    options.port = port;
    return open_at(std::move(options), {}, limits);
}

std::unique_ptr<Session> RedisStoreTest::open_at(redis::ClientOptions options, detail::StoreSettings settings,
                                                 redis::RedisStore::Limits limits) {
    auto backend = std::make_shared<redis::RedisBackend>(std::move(options), limits);
    return std::make_unique<Session>(std::move(backend), name_, history_, "worker-" + std::to_string(++sessions_),
                                     settings);
}

RedisValue RedisStoreTest::eval(const redis::Script& script, const std::vector<std::string>& keys,
                                const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {"EVAL", std::string(script.text), std::to_string(keys.size())};
    command.insert(command.end(), keys.begin(), keys.end());
    command.insert(command.end(), arguments.begin(), arguments.end());
    return server_.must(command);
}

std::int64_t RedisStoreTest::now_ms() {
    const RedisValue time = redis({"TIME"});
    return std::stoll(time.items.at(0).text) * 1000 + std::stoll(time.items.at(1).text) / 1000;
}

std::map<std::string, std::string> RedisStoreTest::contents() {
    std::map<std::string, std::string> all;
    for (const std::string& key : server_.keys()) {
        all[key] = redis({"DUMP", key}).text;
    }
    return all;
}

std::int64_t RedisStoreTest::calls_of(const std::string& command) {
    const std::string all = redis({"INFO", "commandstats"}).text;
    const std::size_t at = all.find("cmdstat_" + command + ":calls=");
    return at == std::string::npos ? 0 : std::stoll(all.substr(all.find('=', at) + 1));
}

std::vector<EventId> RedisStoreTest::publish(Session& session, int count) {
    std::vector<std::string> payloads;
    for (int i = 0; i < count; ++i) {
        payloads.push_back(std::to_string(i));
    }
    return session.publish(payloads);
}

struct LogCapture::Lines {
    std::mutex mutex;
    std::vector<std::string> all;
};

LogCapture::LogCapture() : lines_(std::make_shared<Lines>()) {
    set_logger([lines = lines_](LogLevel, std::string_view message) {
        const std::lock_guard lock(lines->mutex);
        lines->all.emplace_back(message);
    });
}

LogCapture::~LogCapture() { set_logger({}); }

int LogCapture::count(const std::string& part) const {
    const std::lock_guard lock(lines_->mutex);
    return static_cast<int>(std::count_if(lines_->all.begin(), lines_->all.end(), [&part](const std::string& line) {
        return line.find(part) != std::string::npos;
    }));
}

}  // namespace eventy::test
