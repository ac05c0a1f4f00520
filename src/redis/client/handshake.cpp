#include "redis/client/handshake.hpp"

#include <charconv>
#include <utility>

#include "redis/client/error_reply.hpp"
#include "resp/writer.hpp"

namespace eventy::redis {

namespace {

bool is_status(const Reply& reply, std::string_view text) {
    return reply.kind == Reply::Kind::status && reply.text == text;
}

/// Seconds and microseconds, as TIME says them.
std::optional<std::chrono::milliseconds> time_of(const Reply& reply) {
    std::uint32_t parts[2] = {};  // up to the year 2106
    if (reply.items.size() != std::size(parts)) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < std::size(parts); ++i) {
        const std::string& text = reply.items[i].text;
        const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), parts[i]);
        if (error != std::errc() || stop != text.data() + text.size()) {
            return std::nullopt;
        }
    }
    return std::chrono::seconds(parts[0]) + std::chrono::milliseconds(parts[1] / 1000);
}

bool contains(const Reply& reply, std::string_view words) { return reply.text.find(words) != std::string::npos; }

}  // namespace

Handshake::Handshake(const ClientOptions& options, Questions questions) : options_(options) {
    if (!options.username.empty() || !options.password.empty()) {
        steps_.push_back(Step::login);
    }
    if (options.db != 0) {
        steps_.push_back(Step::database);
    }
    steps_.push_back(Step::name);
    if (questions.id) {
        steps_.push_back(Step::id);
    }
    if (questions.time) {
        steps_.push_back(Step::time);
    }
    steps_.push_back(Step::ping);
}

std::string Handshake::wire() const {
    std::string out;
    for (const auto step : steps_) {
        switch (step) {
            case Step::login:
                options_.username.empty() ? resp::append_command(out, {"AUTH", options_.password})
                                          : resp::append_command(out, {"AUTH", options_.username, options_.password});
                break;
            case Step::database: resp::append_command(out, {"SELECT", std::to_string(options_.db)}); break;
            case Step::name:
                resp::append_command(
                    out, {"CLIENT", "SETNAME", options_.client_name.empty() ? "eventy" : options_.client_name});
                break;
            case Step::id: resp::append_command(out, {"CLIENT", "ID"}); break;
            case Step::time: resp::append_command(out, {"TIME"}); break;
            case Step::ping: resp::append_command(out, {"PING"}); break;
        }
    }
    return out;
}

Handshake::State Handshake::answered(const Reply& reply) {
    if (state_ == State::more) {
        const auto step = steps_[next_++];
        reply.is_error() ? judge_error(step, reply) : judge(step, reply);
        if (state_ == State::more && next_ == steps_.size()) {
            state_ = State::ready;
        }
    }
    return state_;
}

Handshake::State Handshake::garbage(std::string_view what) {
    no_redis(std::string(what));
    return state_;
}

void Handshake::judge(Step step, const Reply& reply) {
    switch (step) {
        case Step::time: server_time_ = time_of(reply); break;
        case Step::id: connection_id_ = reply.kind == Reply::Kind::integer ? reply.integer : 0; break;
        case Step::ping:
            if (!is_status(reply, "PONG")) {
                no_redis("its answer to PING is not PONG");
            }
            break;
        default:
            if (!is_status(reply, "OK")) {
                no_redis("it answers the first command with something that is not OK");
            }
    }
}

void Handshake::judge_error(Step step, const Reply& reply) {
    // NOAUTH asks to send again on a connection that was logged in; here it says that we cannot log in.
    if (reply.is_error("NOAUTH")) {
        end(State::refused, "it requires a password");
    } else if (asks_to_resend(reply) || contains(reply, "max number of clients")) {
        end(State::not_yet, reply.text);
    } else if (reply.is_error("DENIED")) {
        end(State::refused, "it is in protected mode: it takes connections from its own machine only");
    } else if (step == Step::login) {
        end(State::refused, login_error(reply));
    } else if (step == Step::database && contains(reply, "unknown command")) {
        no_redis("it does not know SELECT");
    } else if (step == Step::database) {
        const bool none = contains(reply, "out of range") || contains(reply, "invalid DB index");
        end(State::refused, none ? "database " + std::to_string(options_.db) + " does not exist there"
                                 : "database " + std::to_string(options_.db) + " cannot be used: " + reply.text);
    } else if (step == Step::ping && !reply.is_error("NOPERM") && !reply.is_error("MISCONF")) {
        no_redis("it does not know PING");
    }
    // Without CLIENT (renamed, or not permitted) the connection has no name or number, and can be used; so it can
    // without TIME. With MISCONF (Redis cannot write to its disk) it can be used for reading, and writes get that error
    // as their answer.
}

std::string Handshake::login_error(const Reply& reply) const {
    // In our own words: a server may quote the command that it did not understand.
    if (reply.is_error("WRONGPASS") || contains(reply, "invalid password")) {
        return "wrong password for " + user();
    }
    if (contains(reply, "no password is set") || contains(reply, "without any password configured")) {
        return "a password was given, but it has none";
    }
    if (contains(reply, "wrong number of arguments")) {
        return "it is too old for user names (they came with Redis 6)";
    }
    if (contains(reply, "unknown command")) {
        return "this is no Redis: it does not know AUTH";
    }
    return "login as " + user() + " failed (" + reply.text.substr(0, reply.text.find(' ')) + ")";
}

std::string Handshake::user() const {
    return options_.username.empty() ? "the default user" : "user '" + options_.username + "'";
}

void Handshake::end(State state, std::string reason) {
    state_ = state;
    reason_ = without_password(std::move(reason), options_);
}

void Handshake::no_redis(const std::string& what) { end(State::refused, "this is no Redis: " + what); }

}  // namespace eventy::redis
