#include "store/store_fixture.hpp"

#include <algorithm>
#include <ostream>

namespace eventy::test {

// -- history ---------------------------------------------------------------------------------------------------------
void History::add(const std::string& line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(line);
}

std::string History::text() const {
    const std::lock_guard lock(mutex_);
    constexpr std::size_t most = 400;
    std::ostringstream text;
    const std::size_t first = lines_.size() > most ? lines_.size() - most : 0;
    if (first != 0) {
        text << "  (" << first << " earlier ones)\n";
    }
    for (std::size_t i = first; i < lines_.size(); ++i) {
        text << "  " << i + 1 << ". " << lines_[i] << '\n';
    }
    return text.str();
}

std::vector<EventId> ids_of(const std::vector<StoredEvent>& events) {
    std::vector<EventId> ids;
    for (const StoredEvent& event : events) {
        ids.push_back(event.id);
    }
    return ids;
}

std::string describe(const std::vector<EventId>& ids) {
    std::ostringstream text;
    text << '[';
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (i == 20) {
            text << " … " << ids.size() << " in all";
            break;
        }
        text << (i == 0 ? "" : " ") << ids[i];
    }
    text << ']';
    return text.str();
}

std::string describe(const TakeReply& reply) {
    std::ostringstream text;
    text << describe(ids_of(reply.events)) << " epoch " << reply.epoch;
    for (const RefusedEvent& refused : reply.refused) {
        text << ", refused " << refused.id << " (" << refused.reason << ')';
    }
    if (reply.expired != 0) {
        text << ", expired " << reply.expired;
    }
    text << (reply.more ? ", more" : ", no more");
    return text.str();
}

namespace {

std::string describe(const StillHeld& held) {
    std::string text;
    for (const bool one : held) {
        text += one ? " held" : " lost";
    }
    return text;
}

const char* word(Verdict verdict) {
    switch (verdict) {
        case Verdict::processed: return "processed";
        case Verdict::failed: return "failed";
        case Verdict::retry: return "to be retried";
        case Verdict::handed_back: return "handed back";
    }
    return "?";
}

std::string describe(const EventFilter& filter) {
    std::ostringstream text;
    if (filter.created_at_min) {
        text << " from " << *filter.created_at_min;
    }
    if (filter.created_at_max) {
        text << " to " << *filter.created_at_max;
    }
    if (filter.status) {
        text << ' ' << *filter.status;
    }
    return text.str();
}

}  // namespace

// -- session ---------------------------------------------------------------------------------------------------------
Session::Session(std::shared_ptr<Backend> backend, QueueName name, std::shared_ptr<History> history,
                 std::string worker_id, detail::StoreSettings settings)
    : backend_(std::move(backend)),
      name_(std::move(name)),
      history_(std::move(history)),
      worker_id_(std::move(worker_id)) {
    std::promise<void> opened;
    backend_->io().post([&] {
        store_ = backend_->open(name_, settings);
        opened.set_value();
    });
    opened.get_future().wait();
}

Session::~Session() {
    std::promise<void> closed;
    backend_->io().post([&] {
        store_.reset();
        closed.set_value();
    });
    closed.get_future().wait();
}

void Session::run(const std::function<void(Store&)>& work) {
    std::promise<void> done;
    backend_->io().post([&] {
        work(*store_);
        done.set_value();
    });
    done.get_future().wait();
}

PublishReply Session::publish(PublishRequest request) {
    if (request.worker_id.empty()) {
        request.worker_id = worker_id_;
    }
    const auto reply = result_of<PublishReply>([&](Store& store, Callback<PublishReply> callback) {
        store.publish(request, std::nullopt, std::move(callback));
    });
    note("published " + std::to_string(request.events.size()) + " with ttl " + std::to_string(request.ttl.count()) +
         " ms: from " + std::to_string(reply.first_id) + " at " + std::to_string(reply.first_us));
    return reply;
}

std::vector<EventId> Session::publish(const std::vector<std::string>& payloads, milliseconds ttl) {
    PublishRequest request;
    request.ttl = ttl;
    for (const std::string& payload : payloads) {
        request.events.push_back({payload});
    }
    const PublishReply reply = publish(std::move(request));
    std::vector<EventId> ids;
    for (std::size_t i = 0; i < payloads.size(); ++i) {
        ids.push_back(reply.first_id + static_cast<EventId>(i));
    }
    return ids;
}

EventId Session::publish_one(const std::string& payload, milliseconds ttl) { return publish({payload}, ttl).front(); }

TakeReply Session::take(TakeRequest request) {
    if (request.worker_id.empty()) {
        request.worker_id = worker_id_;
    }
    if (request.ttl == milliseconds(0)) {
        request.ttl = long_ttl;
    }
    auto reply = result_of<TakeReply>(
        [&](Store& store, Callback<TakeReply> callback) { store.take(request, std::move(callback)); });
    note("took up to " + std::to_string(request.max) + " for " + request.group + " with lease " +
         std::to_string(request.lease.count()) + " ms: " + test::describe(reply));
    return reply;
}

TakeReply Session::take(int max, milliseconds lease, const std::string& group) {
    TakeRequest request;
    request.group = group;
    request.max = max;
    request.lease = lease;
    return take(std::move(request));
}

StillHeld Session::settle(SettleRequest request) {
    if (request.worker_id.empty()) {
        request.worker_id = worker_id_;
    }
    if (request.ttl == milliseconds(0)) {
        request.ttl = long_ttl;
    }
    const auto held = result_of<StillHeld>(
        [&](Store& store, Callback<StillHeld> callback) { store.settle(request, std::move(callback)); });
    std::ostringstream line;
    line << "settled for " << request.group << ':';
    for (const Settlement& settlement : request.settlements) {
        line << ' ' << settlement.lease.id << '@' << settlement.lease.epoch << ' ' << word(settlement.verdict) << ';';
    }
    note(line.str() + describe(held));
    EXPECT_EQ(held.size(), request.settlements.size());
    return held;
}

bool Session::settle(EventId id, std::int64_t epoch, Verdict verdict, const std::string& error,
                     const std::string& group) {
    SettleRequest request;
    request.group = group;
    request.settlements.push_back({{id, epoch}, verdict, error});
    return settle(std::move(request)).at(0);
}

bool Session::retry_later(EventId id, std::int64_t epoch, const std::string& error, milliseconds delay) {
    SettleRequest request;
    request.group = "default";
    request.settlements.push_back({{id, epoch}, Verdict::retry, error, {}, {}, delay});
    return settle(std::move(request)).at(0);
}

std::vector<detail::ByHand> Session::retry(std::vector<EventId> ids, bool delayed_too) {
    note("retried by hand" + test::describe(ids));
    return result_of<std::vector<detail::ByHand>>([&](Store& store, Callback<std::vector<detail::ByHand>> callback) {
        store.retry({ids, long_ttl, delayed_too}, {}, std::move(callback));
    });
}

std::vector<detail::ByHand> Session::discard(std::vector<EventId> ids, milliseconds ttl) {
    note("discarded by hand" + test::describe(ids));
    return result_of<std::vector<detail::ByHand>>([&](Store& store, Callback<std::vector<detail::ByHand>> callback) {
        store.discard({ids, ttl, worker_id_, "discarded by a test"}, {}, std::move(callback));
    });
}

void Session::settle_all(const TakeReply& taken, Verdict verdict, const std::string& group) {
    SettleRequest request;
    request.group = group;
    for (const StoredEvent& event : taken.events) {
        request.settlements.push_back({{event.id, taken.epoch}, verdict});
    }
    EXPECT_EQ(settle(std::move(request)), StillHeld(taken.events.size(), true));
}

StillHeld Session::renew(RenewRequest request) {
    const auto held = result_of<StillHeld>(
        [&](Store& store, Callback<StillHeld> callback) { store.renew(request, std::move(callback)); });
    std::ostringstream line;
    line << "renewed for " << request.group << " by " << request.lease.count() << " ms:";
    for (const Lease& lease : request.leases) {
        line << ' ' << lease.id << '@' << lease.epoch << ';';
    }
    note(line.str() + describe(held));
    EXPECT_EQ(held.size(), request.leases.size());
    return held;
}

bool Session::renew(EventId id, std::int64_t epoch, milliseconds lease, const std::string& group) {
    return renew(RenewRequest{group, lease, {{id, epoch}}}).at(0);
}

bool Session::progress(EventId id, std::int64_t epoch, double fraction, const std::string& note_text,
                       const std::string& group) {
    const auto held = result_of<StillHeld>([&](Store& store, Callback<StillHeld> callback) {
        store.progress({group, {id, epoch}, fraction, note_text}, std::move(callback));
    });
    note("progress of " + std::to_string(id) + '@' + std::to_string(epoch) + describe(held));
    return held.at(0);
}

bool Session::upkeep(UpkeepRequest request) {
    return result_of<UpkeepReply>(
               [&](Store& store, Callback<UpkeepReply> callback) { store.upkeep(request, std::move(callback)); })
        .takeable;
}

std::int64_t Session::leases_revoked() {
    return result_of<UpkeepReply>([&](Store& store, Callback<UpkeepReply> callback) {
               store.upkeep({.group = "default"}, std::move(callback));
           })
        .leases_revoked;
}

bool Session::upkeep(const std::string& group) {
    UpkeepRequest request;
    request.group = group;
    const bool takeable = upkeep(std::move(request));
    note("upkeep for " + group + (takeable ? ": takeable" : ": nothing to take"));
    return takeable;
}

void Session::remove_subscribers(std::vector<std::string> ids) {
    result_of<Done>([&](Store& store, Callback<Done> callback) { store.remove_subscribers(ids, std::move(callback)); });
}

std::vector<std::optional<StoredEvent>> Session::get(std::vector<EventId> ids) {
    using Found = std::vector<std::optional<StoredEvent>>;
    auto found = result_of<Found>(
        [&](Store& store, Callback<Found> callback) { store.get(ids, std::nullopt, std::move(callback)); });
    EXPECT_EQ(found.size(), ids.size());
    return found;
}

std::optional<StoredEvent> Session::get_one(EventId id) { return get({id}).at(0); }

SearchReply Session::search(SearchRequest request) {
    auto reply = result_of<SearchReply>([&](Store& store, Callback<SearchReply> callback) {
        store.search(request, std::nullopt, std::move(callback));
    });
    std::ostringstream line;
    line << "searched" << describe(request.filter) << " limit " << request.limit;
    if (request.before_us) {
        line << " before " << *request.before_us;
    }
    line << ": " << test::describe(ids_of(reply.events));
    note(line.str() + (reply.next_before_us ? ", next before " + std::to_string(*reply.next_before_us) : ", the end"));
    return reply;
}

std::vector<StoredEvent> Session::search_all(const EventFilter& filter, std::int64_t limit,
                                             const std::function<void()>& between_pages) {
    std::vector<StoredEvent> found;
    SearchRequest request{filter, std::nullopt, limit};
    for (;;) {
        SearchReply page = search(request);
        EXPECT_LE(static_cast<std::int64_t>(page.events.size()), limit);
        for (StoredEvent& event : page.events) {
            if (!found.empty()) {
                EXPECT_GT(found.back().id, event.id);
                EXPECT_GT(found.back().created_at, event.created_at);
            }
            found.push_back(std::move(event));
        }
        if (!page.next_before_us) {
            return found;
        }
        if (request.before_us && *page.next_before_us >= *request.before_us) {
            ADD_FAILURE() << "a page's end is not older than its beginning: this search would never end";
            return found;
        }
        request.before_us = page.next_before_us;
        if (between_pages) {
            between_pages();
        }
    }
}

std::int64_t Session::count(const EventFilter& filter) {
    const auto counted = result_of<std::int64_t>(
        [&](Store& store, Callback<std::int64_t> callback) { store.count(filter, std::nullopt, std::move(callback)); });
    note("counted" + describe(filter) + ": " + std::to_string(counted));
    return counted;
}

QueueStats Session::stats() {
    return result_of<QueueStats>(
        [](Store& store, Callback<QueueStats> callback) { store.stats(true, std::nullopt, std::move(callback)); });
}

std::vector<SubscriberInfo> Session::subscribers() {
    using Found = std::vector<SubscriberInfo>;
    return result_of<Found>(
        [](Store& store, Callback<Found> callback) { store.subscribers(std::nullopt, std::move(callback)); });
}

std::optional<SubscriberInfo> Session::subscriber(const std::string& id) {
    using Found = std::optional<SubscriberInfo>;
    return result_of<Found>(
        [&](Store& store, Callback<Found> callback) { store.subscriber(id, std::nullopt, std::move(callback)); });
}

void Session::add_type() {
    result_of<Done>([](Store& store, Callback<Done> callback) { store.add_type(std::nullopt, std::move(callback)); });
}

// -- waiting ---------------------------------------------------------------------------------------------------------
void Counter::add(std::int64_t by) {
    const std::lock_guard lock(mutex_);
    value_ += by;
    changed_.notify_all();
}

std::int64_t Counter::value() const {
    const std::lock_guard lock(mutex_);
    return value_;
}

bool Counter::wait_for(std::int64_t at_least) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return value_ >= at_least; });
}

// -- fixture ---------------------------------------------------------------------------------------------------------
std::ostream& operator<<(std::ostream& out, const BedFactory& factory) { return out << factory.name; }

std::string bed_name(const ::testing::TestParamInfo<BedFactory>& info) { return info.param.name; }

StoreConformance::StoreConformance() : bed_(GetParam().make()), queue_{bed_->fresh_prefix(), "Type"} {}

void StoreConformance::TearDown() {
    if (HasFailure()) {
        ADD_FAILURE() << "what was done:\n" << history_->text();
    }
}

std::unique_ptr<Session> StoreConformance::open() { return open(queue_); }

std::unique_ptr<Session> StoreConformance::open(const QueueName& name, detail::StoreSettings settings) {
    return std::make_unique<Session>(bed_->connect(), name, history_, "worker-" + std::to_string(++sessions_),
                                     settings);
}

void StoreConformance::next_queue() {
    queue_.type = "Type" + std::to_string(++queues_);
    history_->add("-- a fresh queue, " + queue_.type);
}

bool StoreConformance::eventually(Session& session, const std::function<bool()>& reached) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!reached()) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        session.upkeep();
        bed_->pass(1ms);
    }
    return true;
}

StoreConformance::Held StoreConformance::hold_an_expired_event() {
    for (milliseconds ttl = 50ms;; ttl *= 2) {
        auto worker = open();
        worker->publish({"short-lived"}, ttl);
        const TakeReply taken = worker->take();
        if (!taken.events.empty()) {
            bed_->pass(ttl + doomed_for);
            return {std::move(worker), {taken.events.front().id, taken.epoch}};
        }
        if (ttl > patience) {
            throw std::runtime_error("an event was never there for a take right after its publish");
        }
        next_queue();
    }
}

}  // namespace eventy::test
