#include "redis/client/client_options.hpp"

#include <sys/un.h>

#include <algorithm>
#include <chrono>
#include <eventy/error.hpp>

namespace eventy::redis {

namespace {

constexpr std::size_t max_socket_path = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::size_t max_host = 255;
constexpr std::size_t max_name = 512;
constexpr milliseconds max_timeout = std::chrono::hours(24);

[[noreturn]] void refuse(const std::string& reason) {
    throw Error(errc::invalid_argument, "redis client options: " + reason);
}

bool is_visible(char c) { return c > ' ' && c <= '~'; }

void validate_timeout(milliseconds timeout, const std::string& name) {
    if (timeout <= milliseconds::zero() || timeout > max_timeout) {
        refuse(name + " has to be between 1 ms and 24 h, not " + std::to_string(timeout.count()) + " ms");
    }
}

void validate_address(const ClientOptions& options) {
    if (!options.unix_socket.empty()) {
        if (options.unix_socket.size() > max_socket_path || options.unix_socket.find('\0') != std::string::npos) {
            refuse("the path of the Unix socket has over " + std::to_string(max_socket_path) +
                   " bytes or a NUL byte in it");
        }
        return;
    }
    if (options.host.empty()) {
        refuse("the host is empty");
    }
    if (options.host.size() > max_host || !std::ranges::all_of(options.host, is_visible)) {
        refuse("the host is too long or has blanks or unprintable characters in it");
    }
    if (options.port < 1 || options.port > 65535) {
        refuse("the port has to be between 1 and 65535, not " + std::to_string(options.port));
    }
}

}  // namespace

void validate(const ClientOptions& options) {
    validate_address(options);
    if (options.db < 0) {
        refuse("the database has to be 0 or more, not " + std::to_string(options.db));
    }
    // Redis's own rule for CLIENT SETNAME.
    if (options.client_name.size() > max_name || !std::ranges::all_of(options.client_name, is_visible)) {
        refuse("the client name is too long or has blanks or unprintable characters in it");
    }
    validate_timeout(options.connect_timeout, "connect_timeout");
    validate_timeout(options.command_timeout, "command_timeout");
}

std::string describe(const ClientOptions& options) {
    const auto database = "/" + std::to_string(options.db);
    if (!options.unix_socket.empty()) {
        return "redis unix:" + options.unix_socket + database;
    }
    const bool brackets = options.host.find(':') != std::string::npos;
    return "redis " + (brackets ? "[" + options.host + "]" : options.host) + ":" + std::to_string(options.port) +
           database;
}

std::string without_password(std::string text, const ClientOptions& options) {
    if (options.password.empty()) {
        return text;
    }
    for (auto at = text.find(options.password); at != std::string::npos; at = text.find(options.password, at + 3)) {
        text.replace(at, options.password.size(), "***");
    }
    return text;
}

}  // namespace eventy::redis
