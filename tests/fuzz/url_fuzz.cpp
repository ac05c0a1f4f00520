// URLs of Redis: in any form, and the password in no message.
#include <eventy/error.hpp>

#include "fuzz/target.hpp"
#include "redis/client/client_options.hpp"

namespace eventy::fuzz {
namespace {

using redis::ClientOptions;

// 0x01 and 0x02 in the input stand for these, so that a password can be found in a message without doubt.
constexpr std::string_view secret = "S3kr1tWord", encoded_secret = "S3kr%31tWor%64";

std::string url_of(std::string_view input) {
    std::string url;
    for (const char c : input) {
        c == '\x01' ? url.append(secret) : c == '\x02' ? url.append(encoded_secret) : url.append(1, c);
    }
    return url;
}

/// Where a password may stand: from the first ':' after the scheme to the last '@'; without '@' behind "://:".
std::string_view login_of(std::string_view url) {
    const auto scheme = url.find("://");
    const auto rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
    const auto colon = rest.find(':');
    const auto at = rest.rfind('@');
    if (at != std::string_view::npos && colon < at) {
        return rest.substr(colon, at - colon);
    }
    return at == std::string_view::npos && scheme != std::string_view::npos && rest.starts_with(':')
               ? rest
               : std::string_view();
}

std::size_t count(std::string_view text, std::string_view word) {
    std::size_t found = 0;
    for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + word.size())) {
        ++found;
    }
    return found;
}

std::size_t secrets_in(std::string_view text) { return count(text, secret) + count(text, encoded_secret); }

std::string encoded(std::string_view text) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        out.append({'%', hex[byte >> 4U], hex[byte & 15U]});
    }
    return out;
}

std::string written(const ClientOptions& options) {
    const std::string user = encoded(options.username) + ':' + encoded(options.password) + '@';
    if (!options.unix_socket.empty()) {
        return "unix://" + user + '/' + encoded(options.unix_socket.substr(1)) + "?db=" + std::to_string(options.db);
    }
    return "redis://" + user + encoded(options.host) + ':' + std::to_string(options.port) + '/' +
           std::to_string(options.db);
}

void require_same(const ClientOptions& a, const ClientOptions& b) {
    require(a.host == b.host && a.port == b.port && a.unix_socket == b.unix_socket && a.db == b.db &&
                a.username == b.username && a.password == b.password,
            "options written as a URL read the same");
}

}  // namespace
}  // namespace eventy::fuzz

EVENTY_FUZZ_TARGET(url) {
    const std::string url = url_of(input);
    try {
        const auto options = redis::ClientOptions::from_url(url);
        redis::validate(options);
        require(options.unix_socket.empty() || options.unix_socket[0] == '/', "a socket's path begins with '/'");
        require_same(redis::ClientOptions::from_url(written(options)), options);
        require(secrets_in(redis::describe(options)) <= secrets_in(options.host + options.unix_socket),
                "the description has no password in it");
    } catch (const Error& error) {
        require(error.code() == errc::invalid_argument, "a bad URL is an invalid argument");
        require(secrets_in(error.what()) <= secrets_in(url) - secrets_in(login_of(url)), "no message shows a password");
    }
}
