// The experiment's Redis: an append-only file, kills, and what a power cut takes from the file.
#pragma once
#include <chrono>
#include <deque>
#include <string>
#include <utility>

#include "support/redis_server.hpp"

namespace eventy::ledger {

/// One thread.
class RedisUnderTest {
public:
    explicit RedisUnderTest(bool everysec);

    test::RedisServer& server() { return server_; }

    /// kill -9. With everysec also what a power cut may do: the file loses what was written in the last second. (A kill
    /// alone loses almost nothing: what Redis wrote stays with the system.)
    void kill9();
    /// Returns when it answers PING: with its data in memory.
    void start();

    /// Notes how long the file is; call it often.
    void note_size();

    /// Its append-only file.
    std::string file() const;
    /// A copy of it.
    void keep_file(const std::string& as) const;
    /// Starts with the data of such a copy in place of its own.
    void load_file(const std::string& kept);

private:
    bool everysec_;
    test::RedisServer server_;
    std::deque<std::pair<std::chrono::steady_clock::time_point, std::uintmax_t>> sizes_;
};

}  // namespace eventy::ledger
