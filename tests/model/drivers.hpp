// The two stores, each driven from its own I/O thread with as few switches of threads as there can be.
#pragma once
#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "model/model.hpp"

namespace eventy::test {

using Request = std::variant<std::monostate, PublishRequest, TakeRequest, SettleRequest, RenewRequest, ProgressRequest,
                             RetryRequest, DiscardRequest>;
using Answer = std::variant<std::monostate, PublishReply, TakeReply, StillHeld, std::vector<ByHand>>;

/// What is read after a step.
struct Questions {
    EventId last_id = 0;
    std::optional<EventStatus> status = {};
    std::int64_t limit = 1;
    std::vector<std::string> groups = {};
};
struct Readings {
    std::vector<std::optional<StoredEvent>> events = {};  // all ids up to `last_id`
    std::vector<EventId> found = {};                      // the first `limit` with the status
    std::int64_t count = 0;                               // all with the status
    QueueStats stats = {};
    std::map<std::string, bool> takeable = {};  // what the upkeep of each group says
};
struct Outcome {
    Answer answer = {};
    Readings readings = {};
    std::string failure = {};  // of the first call that failed
};

/// Two workers, each with a store of its own, on one queue of one backend.
class Driver {
public:
    Driver(std::string name, std::shared_ptr<Backend> backend) : name_(std::move(name)), backend_(std::move(backend)) {}
    ~Driver() { close(); }
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    const std::string& name() const { return name_; }
    void open(const QueueName&);
    void close();

    /// Asks for one call and, behind it, the readings; both are under way when this returns.
    void start(std::size_t worker, Request, Questions);
    /// Waits for what was started.
    Outcome wait();
    Outcome run(std::size_t worker, Request request, Questions questions) {
        start(worker, std::move(request), std::move(questions));
        return wait();
    }

private:
    void on_io(const std::function<void()>&);

    const std::string name_;
    const std::shared_ptr<Backend> backend_;
    std::array<std::unique_ptr<Store>, 2> stores_;  // used and destroyed on the I/O thread
    std::future<Outcome> outcome_;
};

}  // namespace eventy::test
