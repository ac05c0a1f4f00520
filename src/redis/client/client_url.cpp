// ClientOptions::from_url
#include <algorithm>
#include <charconv>
#include <eventy/error.hpp>
#include <optional>

#include "redis/client/client_options.hpp"

namespace eventy::redis {

namespace {

/// A URL cut into its parts, still percent-encoded.
struct Parts {
    std::string_view scheme, user, address, path, query;
    bool has_user = false;
};

/// The URL as it may be shown: whatever could be a password is left out.
std::string shown(std::string_view url) {
    const auto scheme_end = url.find("://");
    if (scheme_end == std::string_view::npos) {
        return url.find('@') == std::string_view::npos ? std::string(url)
                                                       : "***" + std::string(url.substr(url.rfind('@')));
    }
    const auto scheme = std::string(url.substr(0, scheme_end + 3));
    const auto rest = url.substr(scheme_end + 3);
    if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
        return scheme + "***" + std::string(rest.substr(at));
    }
    // ":word" without '@': somebody forgot the host, and the word is the password.
    return rest.starts_with(':') ? scheme + ":***" : scheme + std::string(rest);
}

[[noreturn]] void refuse(std::string_view url, const std::string& reason) {
    throw Error(errc::invalid_argument, "Redis URL '" + shown(url) + "': " + reason);
}

std::string decode(std::string_view url, std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded.push_back(text[i]);
            continue;
        }
        unsigned value = 0;
        const auto digits = text.substr(i + 1, 2);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
        if (error != std::errc{} || digits.size() != 2 || end != digits.data() + 2) {
            refuse(url, "a percent sign needs two hexadecimal digits after it (and is itself written %25)");
        }
        decoded.push_back(static_cast<char>(value));
        i += 2;
    }
    return decoded;
}

std::optional<int> parse_number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool digits = !text.empty() && text[0] != '-';
    return error == std::errc{} && end == text.data() + text.size() && digits ? std::optional(value) : std::nullopt;
}

Parts split(std::string_view url) {
    const auto scheme_end = url.find("://");
    if (scheme_end == std::string_view::npos) {
        refuse(url, "it has to begin with redis:// or unix://");
    }
    Parts parts;
    parts.scheme = url.substr(0, scheme_end);
    auto rest = url.substr(scheme_end + 3);
    if (rest.find('#') != std::string_view::npos) {
        refuse(url, "it cannot have a '#' (written %23 in a password)");
    }
    if (const auto query = rest.find('?'); query != std::string_view::npos) {
        parts.query = rest.substr(query + 1);
        rest = rest.substr(0, query);
        if (parts.query.find('@') != std::string_view::npos) {
            refuse(url, "a '?' in a password is written %3F");
        }
    }
    const auto authority = rest.substr(0, rest.find('/'));
    parts.path = rest.substr(authority.size());
    if (parts.path.find('@') != std::string_view::npos && authority.find('@') == std::string_view::npos &&
        authority.find(':') != std::string_view::npos) {
        refuse(url, "a '/' in a password is written %2F");
    }
    const auto at = authority.rfind('@');
    parts.has_user = at != std::string_view::npos;
    parts.user = parts.has_user ? authority.substr(0, at) : std::string_view{};
    parts.address = parts.has_user ? authority.substr(at + 1) : authority;
    return parts;
}

void read_user(std::string_view url, const Parts& parts, ClientOptions& options) {
    if (!parts.has_user) {
        return;
    }
    const auto colon = parts.user.find(':');
    if (colon == std::string_view::npos) {
        refuse(url, "before '@' there has to be user:password or :password");
    }
    options.username = decode(url, parts.user.substr(0, colon));
    options.password = decode(url, parts.user.substr(colon + 1));
}

void read_port(std::string_view url, std::string_view text, ClientOptions& options) {
    const auto port = parse_number(text);
    if (!port || *port < 1 || *port > 65535) {
        refuse(url, "the port has to be a number between 1 and 65535");
    }
    options.port = *port;
}

void read_address(std::string_view url, std::string_view address, ClientOptions& options) {
    std::string_view host;
    std::string_view after;
    if (address.starts_with('[')) {
        const auto end = address.find(']');
        if (end == std::string_view::npos) {
            refuse(url, "an IPv6 address needs a ']' at its end");
        }
        host = address.substr(1, end - 1);
        after = address.substr(end + 1);
    } else {
        host = address.substr(0, address.find(':'));
        after = address.substr(host.size());
        if (after.rfind(':') != 0 && !after.empty()) {
            refuse(url, "an IPv6 address has to stand in [brackets]");
        }
    }
    if (host.empty()) {
        refuse(url, "the host is missing");
    }
    options.host = decode(url, host);
    if (!after.empty()) {
        if (after[0] != ':') {
            refuse(url, "after the host there can be only a port");
        }
        read_port(url, after.substr(1), options);
    }
}

void read_database(std::string_view url, std::string_view text, ClientOptions& options) {
    const auto db = parse_number(text);
    if (!db) {
        refuse(url, "the database has to be a number, 0 or more");
    }
    options.db = *db;
}

void read_redis(std::string_view url, const Parts& parts, ClientOptions& options) {
    read_address(url, parts.address, options);
    if (!parts.query.empty()) {
        refuse(url, "there is nothing that can be set after '?'");
    }
    if (parts.path.size() > 1) {
        read_database(url, parts.path.substr(1), options);
    }
}

void read_unix(std::string_view url, const Parts& parts, ClientOptions& options) {
    if (!parts.address.empty() || parts.path.size() < 2) {
        refuse(url, "the path of the socket has to begin with '/': unix:///run/redis.sock");
    }
    options.unix_socket = decode(url, parts.path);
    if (parts.query.empty()) {
        return;
    }
    if (!parts.query.starts_with("db=")) {
        refuse(url, "only db=NUMBER can be set after '?'");
    }
    read_database(url, parts.query.substr(3), options);
}

}  // namespace

ClientOptions ClientOptions::from_url(std::string_view url) {
    const auto parts = split(url);
    std::string scheme(parts.scheme);
    std::ranges::transform(scheme, scheme.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
    ClientOptions options;
    read_user(url, parts, options);
    if (scheme == "redis") {
        read_redis(url, parts, options);
    } else if (scheme == "unix") {
        read_unix(url, parts, options);
    } else if (scheme == "rediss") {
        refuse(url, "TLS (rediss://) is not supported yet");
    } else {
        refuse(url, "unknown scheme; it has to be redis:// or unix://");
    }
    validate(options);
    return options;
}

}  // namespace eventy::redis
