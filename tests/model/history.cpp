#include "model/history.hpp"

#include <algorithm>
#include <eventy/memory.hpp>
#include <sstream>

#include "redis/redis_backend.hpp"

namespace eventy::test {

namespace {

// Far enough ahead that no key of a test expires by Redis's own clock.
constexpr std::int64_t start_of_time = 2'840'140'800'000'000;
constexpr std::array<milliseconds, 5> pauses{1000ms, 4000ms, 11000ms, 400ms, 21000ms};

std::string in_words(const Answer& answer) {
    std::ostringstream text;
    if (const auto* published = std::get_if<PublishReply>(&answer)) {
        text << "first #" << published->first_id << ", " << published->first_us - start_of_time << " us";
    } else if (const auto* taken = std::get_if<TakeReply>(&answer)) {
        for (const StoredEvent& event : taken->events) {
            text << '#' << event.id << " (attempt " << event.attempt << ", '" << event.payload << "') ";
        }
        for (const RefusedEvent& refused : taken->refused) {
            text << '#' << refused.id << " refused ";
        }
        text << (taken->events.empty() && taken->refused.empty() ? "nothing " : "") << "(epoch "
             << taken->epoch - start_of_time << (taken->more ? ", more is left" : "") << (taken->alone ? ", alone" : "")
             << (taken->alone_left ? ", some to be alone are left)" : ")");
    } else if (const auto* held = std::get_if<StillHeld>(&answer)) {
        for (const bool one : *held) {
            text << (one ? "accepted " : "refused ");
        }
    } else if (const auto* outcomes = std::get_if<std::vector<ByHand>>(&answer)) {
        for (const ByHand one : *outcomes) {
            text << (one == ByHand::done ? "done " : one == ByHand::gone ? "gone " : "unchanged ");
        }
    }
    return text.str();
}

std::vector<std::string> first_groups(int count) {
    return count > 1 ? std::vector<std::string>{"default", "mail"} : std::vector<std::string>{"default"};
}

std::shared_ptr<Backend> redis_backend(const RedisServer& server) {
    redis::ClientOptions options;
    options.unix_socket = server.socket_path();
    return std::make_shared<redis::RedisBackend>(options);
}

}  // namespace

std::string in_words(milliseconds duration) {
    std::ostringstream text;
    text << static_cast<double>(duration.count() / 100) / 10 << " s";
    return text.str();
}

std::string in_words(const std::vector<EventId>& ids) {
    std::string text;
    for (const EventId id : ids) {
        text += (text.empty() ? "#" : " #") + std::to_string(id);
    }
    return text.empty() ? "nothing" : text;
}

// -- the stage -------------------------------------------------------------------------------------------------------
Stage::Stage()
    : memory_("MemoryStore",
              memory::Store(
                  {.clock = [now = now_] { return Timestamp::time_point(std::chrono::microseconds(now->load())); }})
                  .backend()),
      redis_("RedisStore", redis_backend(keys_.server())) {}

void Stage::set_time(std::int64_t us) {
    *now_ = us;
    keys_.set_time(us);
}

void Stage::begin() {
    const QueueName name{"q", "T" + std::to_string(++queues_)};
    memory_.close();
    redis_.close();
    keys_.begin(name);
    set_time(start_of_time);
    memory_.open(name);
    redis_.open(name);
}

// -- playing ---------------------------------------------------------------------------------------------------------
History::History(Stage& stage, int groups, int at_once, int max_lost_leases)
    : stage_(stage), max_lost_leases_(max_lost_leases), groups_(first_groups(groups)) {
    stage_.begin();
    for (int i = 0; i < std::min(at_once, groups); ++i) {
        TakeRequest join;
        join.group = groups_[static_cast<std::size_t>(i)];
        model_.join(join.group);
        model_.take(join, stage_.now());
        stage_.memory().run(0, join, {});
        stage_.redis().run(0, join, {});
    }
}

void History::play(const std::vector<Command>& commands) {
    for (const Command& command : commands) {
        step(command);
    }
}

std::string History::in_group(std::size_t group) const {
    return groups_.size() == 1 ? "" : " of group " + groups_[group];
}

void History::step(const Command& command) {
    const std::size_t worker = command.worker % 2;
    ++steps_;
    if (command.act == Act::pass) {
        const milliseconds pause = pauses[command.length % pauses.size()];
        story_.push_back(in_words(pause) + " pass");
        pass(pause, true);
        perform(worker, {});
        return;
    }
    if (command.act == Act::outage) {
        outage(command);
        return;
    }
    if (command.act == Act::crash) {
        crash(command);
        return;
    }
    if (command.pause % 2 == 1) {
        stage_.set_time(stage_.now() + 101'000);
        time_has_come();
    }
    Request request;
    switch (command.act) {
        case Act::publish: request = publish(command); break;
        case Act::take: request = take(command); break;
        case Act::settle: request = settle(command, workers_[worker].holds, false); break;
        case Act::stale: request = settle(command, former_, true); break;
        case Act::renew: request = renew(command); break;
        case Act::progress: request = progress(command); break;
        case Act::retry: request = retry(command); break;
        case Act::discard: request = discard(command); break;
        case Act::pass:
        case Act::outage:
        case Act::crash: break;
    }
    if (request.index() != 0) {
        perform(worker, request);
    }
}

/// Somebody takes, renews or looks at least every 5 s, unless Redis is away: then the stores differ on purpose.
void History::pass(milliseconds duration, bool with_upkeep) {
    const std::int64_t end = stage_.now() + std::chrono::microseconds(duration).count();
    while (stage_.now() < end) {
        stage_.set_time(with_upkeep ? std::min<std::int64_t>(stage_.now() + 4'000'000, end) : end);
        if (with_upkeep && stage_.now() < end) {
            stage_.redis().run(0, {}, {.last_id = 0, .status = {}, .limit = 1, .groups = {groups_[0]}});
        }
    }
    time_has_come();
}

/// Brings both stores to where the model is once it has let go what expired. RedisStore does that when a take or a
/// sweep comes to it; here that is at once.
void History::time_has_come() {
    std::vector<bool> existed;
    for (EventId id = 1; id <= model_.last_id(); ++id) {
        existed.push_back(model_.exists(id));
    }
    const auto ended = model_.expire(stage_.now());
    std::vector<EventId> expired;
    for (EventId id = 1; id <= model_.last_id(); ++id) {
        if (existed[static_cast<std::size_t>(id - 1)] && !model_.exists(id)) {
            expired.push_back(id);
        }
    }
    if (!expired.empty()) {
        story_.push_back(in_words(expired) + " expires");
    }
    for (const auto& [group, leases] : ended) {
        SettleRequest request;
        request.group = group;
        for (const Lease& lease : leases) {
            request.settlements.push_back({lease, Verdict::handed_back});
        }
        stage_.redis().run(0, request, {});
    }
    if (!expired.empty() || !ended.empty() || !clean_) {
        stage_.keys().sweep();
        clean_ = RedisKeys::clean(stage_.keys().look(), model_);
    }
}

void History::disagree(const std::string& what) {
    std::ostringstream text;
    text << "\n  with " << groups_.size() << " group(s), " << max_lost_leases_ << " lost leases at most:\n";
    for (std::size_t i = 0; i < story_.size(); ++i) {
        text << "  " << i + 1 << ". " << story_[i] << '\n';
    }
    throw Disagreement{text.str() + "  => " + what};
}

Questions History::questions() {
    Questions questions{.last_id = model_.last_id(), .status = {}, .limit = 1 + steps_ % 4, .groups = model_.groups()};
    if (steps_ % 5 != 0) {
        questions.status = static_cast<EventStatus>(steps_ % 5 - 1);
    }
    return questions;
}

/// One call in the model and in both stores, and everything compared.
void History::perform(std::size_t worker, const Request& request) {
    struct {
        Model& model;
        std::int64_t now;
        Answer operator()(std::monostate) const { return {}; }
        Answer operator()(const PublishRequest& one) const { return model.publish(one, now); }
        Answer operator()(const TakeRequest& one) const { return model.take(one, now); }
        Answer operator()(const SettleRequest& one) const { return model.settle(one, now); }
        Answer operator()(const RenewRequest& one) const { return model.renew(one, now); }
        Answer operator()(const ProgressRequest& one) const { return model.progress(one, now); }
        Answer operator()(const RetryRequest& one) const { return model.retry(one, now); }
        Answer operator()(const DiscardRequest& one) const { return model.discard(one, now); }
    } in_model{model_, stage_.now()};
    expected_ = std::visit(in_model, request);
    if (!story_.empty() && request.index() != 0) {
        story_.back() += " -> " + in_words(expected_);
    }
    stage_.memory().start(worker, request, questions());
    stage_.redis().start(worker, request, questions());
    const Outcome in_memory = stage_.memory().wait(), in_redis = stage_.redis().wait();
    compare(stage_.memory().name(), in_memory);
    compare(stage_.redis().name(), in_redis);
    const auto contents = stage_.keys().look();
    if (const std::string wrong = stage_.keys().disagreement(contents, model_, max_lost_leases_); !wrong.empty()) {
        disagree("in Redis " + wrong);
    }
    if (const auto* taken = std::get_if<TakeReply>(&expected_)) {
        const auto* asked = std::get_if<TakeRequest>(&request);
        const std::size_t group = asked->group == groups_[0] ? 0 : 1;
        for (const StoredEvent& event : taken->events) {
            workers_[worker].holds.push_back({{event.id, taken->epoch}, group});
        }
    }
}

void History::compare(const std::string& store, const Outcome& outcome) {
    if (!outcome.failure.empty()) {
        disagree(store + " failed: " + outcome.failure);
    }
    const bool is_redis = store == stage_.redis().name();
    Answer answer = outcome.answer;
    if (auto* taken = std::get_if<TakeReply>(&answer)) {
        // RedisStore may take what is gone for something to take, before it comes to it.
        const bool may_err = is_redis && (!clean_ || model_.cursor(taken_of_) < model_.last_id());
        if (may_err) {
            const auto& expected = std::get<TakeReply>(expected_);
            taken->more = taken->more && expected.more;
            taken->alone_left = taken->alone_left || expected.alone_left;
        }
    }
    if (const std::string was = in_words(answer), wanted = in_words(expected_); was != wanted) {
        disagree(store + " answered: " + was);
    }
    compare_readings(outcome.readings, is_redis);
}

void History::compare_readings(const Readings& readings, bool is_redis) {
    const std::string& store = is_redis ? stage_.redis().name() : stage_.memory().name();
    const auto wrong = [&](const std::string& what) { disagree(store + " says: " + what); };
    const Questions asked = questions();
    for (const std::string& group : model_.groups()) {
        const bool takeable = model_.takeable(group, stage_.now(), !(is_redis && grace_)),
                   said = readings.takeable.at(group);
        const bool may_err = is_redis && (!clean_ || model_.cursor(group) < model_.last_id());
        if (said != takeable && !(may_err && said)) {
            wrong(said ? "something can be taken of " + group : "nothing can be taken of " + group);
        }
    }
    if (asked.last_id == 0) {
        return;
    }
    for (EventId id = 1; id <= asked.last_id; ++id) {
        const auto& event = readings.events.at(static_cast<std::size_t>(id - 1));
        if (event.has_value() != model_.exists(id)) {
            wrong(in_words(std::vector{id}) + (event ? " is there" : " is gone"));
        }
        if (event && event->status != model_.status(id)) {
            wrong(in_words(std::vector{id}) + " is " + std::string(to_string(event->status)) + " instead of " +
                  std::string(to_string(model_.status(id))));
        }
        if (event && (event->payload != model_.event(id).payload ||
                      (event->created_at - Timestamp()).count() != model_.event(id).created_us)) {
            wrong(in_words(std::vector{id}) + " has another payload or time");
        }
    }
    const auto with_status = model_.with_status(asked.status);
    const std::string which = asked.status ? std::string(to_string(*asked.status)) : "any status";
    auto found = with_status;
    found.resize(std::min(found.size(), static_cast<std::size_t>(asked.limit)));
    if (readings.found != found && !(is_redis && !clean_)) {
        wrong("the first " + std::to_string(asked.limit) + " of " + which + " are " + in_words(readings.found) +
              " instead of " + in_words(found));
    }
    const QueueStats& stats = readings.stats;
    if (stats.last_id != asked.last_id || stats.groups.size() != model_.groups().size()) {
        wrong("stats has another last id or other groups");
    }
    // RedisStore's counts are sums of ranges: right once what expired has been swept, no lease on it goes on, and
    // nothing has been kept for longer than the longest TTL that was published with.
    if (is_redis && (!clean_ || model_.holds_gone() || model_.outlived(stage_.now()))) {
        return;
    }
    if (readings.count != static_cast<std::int64_t>(with_status.size())) {
        wrong(std::to_string(readings.count) + " of " + which + " instead of " + std::to_string(with_status.size()));
    }
    for (const auto& [status, count] : stats.by_status) {
        if (count != static_cast<std::int64_t>(model_.with_status(status).size())) {
            wrong("stats has " + std::to_string(count) + " of " + std::string(to_string(status)));
        }
    }
    // What was discarded before a group reached it, and then expired, is to RedisStore one more that expired; what was
    // there when the group joined is none, since to it that may be a group whose entry was deleted.
    const std::int64_t expired =
        model_.expired() + (is_redis ? model_.expired_discarded() - model_.expired_before_reached() : 0);
    if (stats.expired != expired && !(is_redis && !model_.all_caught_up())) {
        wrong(std::to_string(stats.expired) + " expired instead of " + std::to_string(expired));
    }
    for (const std::string& group : model_.groups()) {
        const GroupStats& said = stats.groups.at(group);
        const auto lag = model_.in(group, Place::beyond_cursor).size() + model_.in(group, Place::delayed).size();
        if (said.lag != static_cast<std::int64_t>(lag) ||
            said.leased != static_cast<std::int64_t>(model_.in(group, Place::leased).size())) {
            wrong("group " + group + " lags by " + std::to_string(said.lag) + " and holds " +
                  std::to_string(said.leased));
        }
        const auto oldest = model_.oldest_pending(group);
        if (said.oldest_pending.has_value() != oldest.has_value() ||
            (oldest && said.oldest_pending->count() !=
                           std::max<std::int64_t>((stage_.now() - model_.event(*oldest).created_us) / 1000, 0))) {
            wrong("group " + group + " has another oldest pending event");
        }
    }
}

}  // namespace eventy::test
