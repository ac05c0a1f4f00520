#include "redis/client/supervisor.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "redis/client/backoff.hpp"
#include "redis/client/error_reply.hpp"

namespace eventy::redis {

namespace {

using std::chrono::milliseconds;

// A lost first packet is sent again by the system after a second only; a try of our own is there earlier.
constexpr milliseconds connect_time{600};
// With the rest behind it: a server that is there again gets a try within a second.
constexpr milliseconds slow_time{600};

}  // namespace

Supervisor::Supervisor(Surroundings& surroundings, Owner& owner, std::string purpose, Handshake::Questions questions)
    : surroundings_(surroundings),
      owner_(owner),
      purpose_(std::move(purpose)),
      questions_(questions),
      next_try_(surroundings, [this] { try_now(); }) {}

Supervisor::~Supervisor() { stop(); }

void Supervisor::start() {
    if (!started_) {
        started_ = true;
        try_now();
    }
}

void Supervisor::stop() {
    started_ = false;
    was_up_ = false;
    failures_ = 0;
    end_tries();
}

void Supervisor::end_tries() {
    next_try_.cancel();
    for (auto* const one : {&connection_, &slow_one_}) {
        if (*one) {
            std::exchange(*one, nullptr)->close();
        }
    }
}

void Supervisor::drop(Loss loss) {
    if (connection_) {
        connection_->close();
        connection_down(loss);
    }
}

void Supervisor::drop_for(const Reply& reply) {
    drop({is_of_replica(reply) ? Loss::Kind::misplaced : Loss::Kind::passing,
          without_password(reply.text, surroundings_.options)});
}

void Supervisor::try_now() {
    Connection::Terms terms;
    const auto& options = surroundings_.options;
    terms.connect_time = std::min(options.connect_timeout, connect_time);
    terms.slow_time = slow_time;
    terms.handshake_time = options.connect_timeout;
    terms.address = address_;
    terms.questions = questions_;
    connection_ = std::make_shared<Connection>(surroundings_, static_cast<Connection::Owner&>(*this), terms);
    connection_->open();
}

void Supervisor::connection_slow() {
    const Loss loss{Loss::Kind::silent, Connection::no_answer};
    if (slow_one_) {
        drop(loss);
        return;
    }
    slow_one_ = std::exchange(connection_, nullptr);
    slow_one_->set_owner(patience_);
    connection_down(loss);
}

void Supervisor::slow_one_is_up() {
    const auto up = std::exchange(slow_one_, nullptr);
    end_tries();
    connection_ = up;
    connection_->set_owner(*this);
    connection_up();
}

void Supervisor::slow_one_is_down(const Loss& loss) {
    slow_one_.reset();
    if (loss.kind == Loss::Kind::refused) {
        end_tries();
        connection_down(loss);
    } else {
        log_loss(loss);  // a server that loads its data answers late, and says so
        owner_.down(loss);
    }
}

void Supervisor::connection_up() {
    was_up_ = true;
    if (slow_one_) {
        std::exchange(slow_one_, nullptr)->close();
    }
    detail::log(LogLevel::info, surroundings_.place + ": connected for " + purpose_);
    owner_.up();
}

void Supervisor::connection_down(const Loss& loss) {
    connection_.reset();
    ++failures_;
    if (!was_up_ || loss.kind == Loss::Kind::misplaced) {
        ++address_;  // the name may lead to several servers
    }
    log_loss(loss);
    was_up_ = false;
    const double random = surroundings_.random_fraction();
    next_try_.set_after(loss.kind == Loss::Kind::refused ? slow_backoff(random) : backoff(failures_, random));
    owner_.down(loss);
}

void Supervisor::log_loss(const Loss& loss) {
    // Once for each reason: tries follow one another fast.
    const bool news = loss.reason != last_logged_;
    last_logged_ = loss.reason;
    detail::log(news && (was_up_ || loss.kind == Loss::Kind::refused) ? LogLevel::warning : LogLevel::debug,
                surroundings_.place + ": " + (was_up_ ? "lost the connection for " : "no connection for ") + purpose_ +
                    ": " + loss.reason);
}

}  // namespace eventy::redis
