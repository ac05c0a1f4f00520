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
constexpr milliseconds handshake_time{1000};
constexpr int most_handshake_doublings = 3;

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
    next_try_.cancel();
    if (connection_) {
        std::exchange(connection_, nullptr)->close();
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
    // Longer each time: a server that is merely slow has to get through at last.
    terms.handshake_time =
        std::min(options.connect_timeout, handshake_time * (1 << std::min(slow_handshakes_, most_handshake_doublings)));
    terms.address = address_;
    terms.questions = questions_;
    connection_ = std::make_shared<Connection>(surroundings_, static_cast<Connection::Owner&>(*this), terms);
    connection_->open();
}

void Supervisor::connection_up() {
    was_up_ = true;
    slow_handshakes_ = 0;
    detail::log(LogLevel::info, surroundings_.place + ": connected for " + purpose_);
    owner_.up();
}

void Supervisor::connection_down(const Loss& loss) {
    connection_.reset();
    ++failures_;
    if (!was_up_ || loss.kind == Loss::Kind::misplaced) {
        ++address_;  // the name may lead to several servers
    }
    if (!was_up_) {
        slow_handshakes_ += loss.kind == Loss::Kind::silent ? 1 : 0;
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
