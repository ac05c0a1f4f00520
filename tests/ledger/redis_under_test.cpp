#include "ledger/redis_under_test.hpp"

#include <filesystem>
#include <system_error>

namespace eventy::ledger {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds lost_by_a_power_cut{1000};

}  // namespace

RedisUnderTest::RedisUnderTest(bool everysec)
    : everysec_(everysec),
      server_(test::RedisServer::Options{.arguments = {"--appendfsync", everysec ? "everysec" : "always",
                                                       // One file, from the beginning on.
                                                       "--auto-aof-rewrite-percentage", "0"},
                                         .append_only = true}) {}

std::string RedisUnderTest::file() const { return server_.folder() + "/appendonlydir/appendonly.aof.1.incr.aof"; }

void RedisUnderTest::keep_file(const std::string& as) const {
    std::filesystem::copy_file(file(), as, std::filesystem::copy_options::overwrite_existing);
}

void RedisUnderTest::load_file(const std::string& kept) {
    server_.stop();
    std::filesystem::copy_file(kept, file(), std::filesystem::copy_options::overwrite_existing);
    server_.start();
}

void RedisUnderTest::note_size() {
    if (!everysec_ || !server_.running()) {
        return;
    }
    std::error_code error;
    const auto size = std::filesystem::file_size(file(), error);
    const auto now = steady_clock::now();
    if (!error) {
        sizes_.emplace_back(now, size);
    }
    while (sizes_.size() > 1 && sizes_[1].first <= now - lost_by_a_power_cut) {
        sizes_.pop_front();
    }
}

void RedisUnderTest::kill9() {
    note_size();
    server_.kill9();
    if (everysec_ && !sizes_.empty()) {
        std::filesystem::resize_file(file(), sizes_.front().second);
        sizes_.clear();
    }
}

void RedisUnderTest::start() { server_.start(); }

}  // namespace eventy::ledger
