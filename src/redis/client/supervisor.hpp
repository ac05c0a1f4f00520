// Keeps one kind of connection up for as long as it is wanted.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "redis/client/alarm.hpp"
#include "redis/client/connection.hpp"
#include "redis/client/surroundings.hpp"

namespace eventy::redis {

/// Makes connections, one after the other, each with its handshake, and rests between failures. The one place that
/// knows whether the connection is there; its owner never connects.
///
/// A server that took the connection and does not answer may be merely slow, or have died while another one takes its
/// place: one such try is waited for up to `connect_timeout`, and further ones are made beside it meanwhile.
class Supervisor final : private Connection::Owner {
public:
    class Owner {
    public:
        virtual void up() = 0;                           // usable from now on
        virtual void received(std::vector<Reply>&) = 0;  // while it is up
        virtual void written() {}                        // all that was staged
        virtual void down(const Loss&) = 0;              // it was lost, or another try failed

    protected:
        ~Owner() = default;
    };

    /// `purpose` is for the log ("commands").
    Supervisor(Surroundings&, Owner&, std::string purpose, Handshake::Questions);
    ~Supervisor();

    void start();
    /// Ends the connection without a word to the owner.
    void stop();
    /// Treats the connection as lost.
    void drop(Loss);
    /// Because of a reply that asks to send the command again.
    void drop_for(const Reply&);
    /// The connection has done something useful: the next failure is a first one.
    void proved_useful() {
        if (failures_ != 0) {
            failures_ = 0;
            last_logged_.clear();
        }
    }

    /// Whether the last thing that was heard of the server is a failure.
    bool is_troubled() const { return !is_up() || failures_ != 0; }

    bool is_started() const { return started_; }
    bool is_up() const { return connection_ && connection_->is_up(); }
    /// While it is up.
    Connection& connection() { return *connection_; }

private:
    /// Hears of the try that is waited for.
    class Patience final : public Connection::Owner {
    public:
        explicit Patience(Supervisor& supervisor) : supervisor_(supervisor) {}

    private:
        void connection_slow() override {}
        void connection_up() override { supervisor_.slow_one_is_up(); }
        void connection_received(std::vector<Reply>&) override {}
        void connection_written() override {}
        void connection_down(const Loss& loss) override { supervisor_.slow_one_is_down(loss); }

        Supervisor& supervisor_;
    };

    void connection_slow() override;
    void connection_up() override;
    void connection_received(std::vector<Reply>& replies) override { owner_.received(replies); }
    void connection_written() override { owner_.written(); }
    void connection_down(const Loss&) override;
    void try_now();
    void slow_one_is_up();
    void slow_one_is_down(const Loss&);
    void end_tries();
    void log_loss(const Loss&);

    Surroundings& surroundings_;
    Owner& owner_;
    std::string purpose_;
    Handshake::Questions questions_;
    bool started_ = false;
    std::shared_ptr<Connection> connection_ = {};
    Patience patience_{*this};
    std::shared_ptr<Connection> slow_one_ = {};  // never beside a connection that is up
    Alarm next_try_;
    int failures_ = 0;  // in a row
    std::size_t address_ = 0;
    bool was_up_ = false;           // since the last loss
    std::string last_logged_ = {};  // since it was last useful
};

}  // namespace eventy::redis
