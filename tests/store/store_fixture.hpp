// What the conformance suite of stores runs on: one kind of store, and processes that use it.
#pragma once
#include <gtest/gtest.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/io_thread.hpp"
#include "store/store.hpp"

namespace eventy::test {

using namespace std::chrono_literals;
using detail::Backend;
using detail::Callback;
using detail::Deadline;
using detail::Done;
using detail::Lease;
using detail::NewEvent;
using detail::ProgressRequest;
using detail::PublishReply;
using detail::PublishRequest;
using detail::QueueName;
using detail::RefusedEvent;
using detail::RenewRequest;
using detail::Result;
using detail::SearchReply;
using detail::SearchRequest;
using detail::Settlement;
using detail::SettleRequest;
using detail::StillHeld;
using detail::Store;
using detail::StoredEvent;
using detail::TakeReply;
using detail::TakeRequest;
using detail::UpkeepReply;
using detail::UpkeepRequest;
using detail::Verdict;

/// One kind of store, made afresh for each test. The only thing to implement for a further kind.
class StoreBed {
public:
    virtual ~StoreBed() = default;

    /// As another process would reach the same data: through a client of its own, where there are clients.
    virtual std::shared_ptr<Backend> connect() = 0;

    /// Returns when the store's clock has gone on by at least this much.
    virtual void pass(milliseconds) = 0;

    /// What the store's clock says.
    virtual Timestamp now() = 0;

    /// A key prefix that no other test uses.
    virtual std::string fresh_prefix() = 0;
};

/// What was done so far, for the message of a failure. Any thread.
class History {
public:
    void add(const std::string& line);
    std::string text() const;

private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

/// How long a test waits for what must happen, before it fails: a guard against hanging, nothing else.
constexpr auto patience = 60s;

// Long enough that it never ends within a test, and short enough that it has ended after `pass(doomed_for)`.
constexpr milliseconds long_lease = 10min, long_ttl = 1h;
constexpr milliseconds doomed{1}, doomed_for{3};

/// A take by somebody who holds so many events already; its leases end soon, or not.
inline TakeRequest take_of(int max, int holding, milliseconds lease = long_lease) {
    TakeRequest request;
    request.group = "default";
    request.max = max;
    request.lease = lease;
    request.holding = holding;
    return request;
}

/// One process's store on one queue. Each call waits for its answer, throws where it is a failure, checks what every
/// call promises about its callback (on the I/O thread, not before the function returned), and adds to the history.
class Session {
public:
    Session(std::shared_ptr<Backend>, QueueName, std::shared_ptr<History>, std::string worker_id,
            detail::StoreSettings = {});
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    const std::string& worker_id() const { return worker_id_; }
    Backend& backend() { return *backend_; }
    const QueueName& name() const { return name_; }

    PublishReply publish(PublishRequest);
    /// Their ids.
    std::vector<EventId> publish(const std::vector<std::string>& payloads, milliseconds ttl = long_ttl);
    EventId publish_one(const std::string& payload = "payload", milliseconds ttl = long_ttl);

    TakeReply take(TakeRequest);
    TakeReply take(int max = 1, milliseconds lease = long_lease, const std::string& group = "default");

    StillHeld settle(SettleRequest);
    bool settle(EventId, std::int64_t epoch, Verdict = Verdict::processed, const std::string& error = {},
                const std::string& group = "default");
    /// Fails it, with a further attempt after the delay.
    bool retry_later(EventId, std::int64_t epoch, const std::string& error, milliseconds delay);
    std::vector<detail::ByHand> retry(std::vector<EventId>, bool delayed_too = false);
    std::vector<detail::ByHand> discard(std::vector<EventId>, milliseconds ttl = long_ttl);
    /// All events of a take; expects them all to be still held.
    void settle_all(const TakeReply&, Verdict = Verdict::processed, const std::string& group = "default");

    StillHeld renew(RenewRequest);
    bool renew(EventId, std::int64_t epoch, milliseconds lease = long_lease, const std::string& group = "default");
    bool progress(EventId, std::int64_t epoch, double fraction, const std::string& note = {},
                  const std::string& group = "default");

    /// Whether the store says that a take would find something.
    bool upkeep(UpkeepRequest);
    std::int64_t leases_revoked();
    bool upkeep(const std::string& group = "default");
    void remove_subscribers(std::vector<std::string> ids);

    std::vector<std::optional<StoredEvent>> get(std::vector<EventId>);
    std::optional<StoredEvent> get_one(EventId);
    SearchReply search(SearchRequest);
    /// All pages. Checks that each keeps to the limit, and that they fall strictly.
    std::vector<StoredEvent> search_all(const EventFilter& = {}, std::int64_t limit = 100,
                                        const std::function<void()>& between_pages = {});
    std::int64_t count(const EventFilter& = {});
    QueueStats stats();
    std::vector<SubscriberInfo> subscribers();
    std::optional<SubscriberInfo> subscriber(const std::string& id);
    void add_type();

    /// Runs this on the I/O thread, and returns when it has returned.
    void run(const std::function<void(Store&)>&);

    /// Starts a call and waits for its result, whatever it is.
    template <class R>
    Result<R> call(const std::function<void(Store&, Callback<R>)>& start) {
        auto promise = std::make_shared<std::promise<Result<R>>>();
        auto answer = promise->get_future();
        auto returned = std::make_shared<bool>(false);
        Backend* const backend = backend_.get();
        run([&, promise, returned, backend](Store& store) {
            start(store, [promise, returned, backend](Result<R> result) {
                EXPECT_TRUE(*returned) << "called back before the function returned";
                EXPECT_TRUE(backend->io().on_this_thread()) << "called back on another thread";
                promise->set_value(std::move(result));
            });
            *returned = true;
        });
        if (answer.wait_for(patience) != std::future_status::ready) {
            throw std::runtime_error("no answer from the store; what was done:\n" + history_->text());
        }
        return answer.get();
    }

private:
    template <class R>
    R result_of(const std::function<void(Store&, Callback<R>)>& start) {
        return detail::value_or_throw(call<R>(start));
    }
    void note(const std::string& line) { history_->add(worker_id_ + " " + line); }

    const std::shared_ptr<Backend> backend_;
    const QueueName name_;
    const std::shared_ptr<History> history_;
    const std::string worker_id_;
    std::shared_ptr<Store> store_;  // made and destroyed on the I/O thread
};

/// Counts what happens on other threads, and waits for it.
class Counter {
public:
    void add(std::int64_t by = 1);
    std::int64_t value() const;
    /// False: not within `patience`.
    [[nodiscard]] bool wait_for(std::int64_t at_least) const;

private:
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::int64_t value_ = 0;
};

/// Makes the kind of store that is to be tested. `name` becomes part of the tests' names.
struct BedFactory {
    std::string name = {};
    std::function<std::unique_ptr<StoreBed>()> make = {};
};
std::ostream& operator<<(std::ostream&, const BedFactory&);
std::string bed_name(const ::testing::TestParamInfo<BedFactory>&);

/// The fixture of all cases. Each test program instantiates it for its kind of store:
///     INSTANTIATE_TEST_SUITE_P(Stores, StoreConformance, ::testing::Values(BedFactory{"memory", …}), bed_name);
class StoreConformance : public ::testing::TestWithParam<BedFactory> {
protected:
    StoreConformance();
    void TearDown() override;  // says the history of a failure

    StoreBed& bed() { return *bed_; }
    /// A further process on the queue, or on another type or prefix.
    std::unique_ptr<Session> open();
    std::unique_ptr<Session> open(const QueueName&, detail::StoreSettings = {});
    const QueueName& queue() const { return queue_; }
    /// From now on `open()` opens a fresh queue.
    void next_queue();
    History& history() { return *history_; }

    /// Does upkeep through the session until `reached`; what a store cleans up, it cleans up a bit per call.
    [[nodiscard]] bool eventually(Session&, const std::function<bool()>& reached);

    /// Publishes with a short TTL and takes it with a long lease, before it expired: a take that came too late is tried
    /// again on a fresh queue with a longer TTL. Returns when the event has expired.
    struct Held {
        std::unique_ptr<Session> worker = {};
        Lease lease = {};
    };
    Held hold_an_expired_event();

private:
    std::unique_ptr<StoreBed> bed_;
    std::shared_ptr<History> history_ = std::make_shared<History>();
    QueueName queue_;
    int sessions_ = 0, queues_ = 0;
};

/// The cases of docs/histories.md that every store has to pass, named after their entry there.
class Histories : public StoreConformance {};

/// For messages and for comparing.
std::vector<EventId> ids_of(const std::vector<StoredEvent>&);
std::string describe(const std::vector<EventId>&);
std::string describe(const TakeReply&);

}  // namespace eventy::test
