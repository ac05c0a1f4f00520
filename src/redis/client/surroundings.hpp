// What all parts of one client share.
#pragma once
#include <boost/asio/io_context.hpp>
#include <eventy/detail/words_of.hpp>
#include <eventy/redis.hpp>
#include <exception>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "base/log.hpp"

namespace eventy::redis {

/// Lives as long as the client's parts. Whatever Asio calls locks `life` first and keeps it locked while it runs: when
/// the client is gone nothing is touched, and a callback that destroys the client may still return.
struct Surroundings {
    boost::asio::io_context& io;
    ClientOptions options;
    std::string place;  // describe(options)
    std::weak_ptr<void> life = {};
    std::minstd_rand random{std::random_device{}()};

    double random_fraction() { return std::uniform_real_distribution<double>(0.0, 1.0)(random); }
};

/// Calls somebody else's function. What it throws is logged: the parts of a client must not be left half-way.
template <class F, class... Args>
void call(const F& function, Args&&... args) noexcept {
    if (!function) {
        return;
    }
    try {
        function(std::forward<Args>(args)...);
    } catch (const std::exception& error) {
        detail::log(LogLevel::error, std::string("a callback of the Redis client threw: ") + detail::words_of(error));
    } catch (...) {
        detail::log(LogLevel::error, "a callback of the Redis client threw something of unknown type");
    }
}

}  // namespace eventy::redis
