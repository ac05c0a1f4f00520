// RedisStore: what only reads. Long answers come in several replies, and each of these goes on where the last ended.
#include <algorithm>
#include <limits>
#include <utility>

#include "redis/record_codec.hpp"
#include "redis/redis_store.hpp"
#include "redis/scripts.hpp"

namespace eventy::redis {

using detail::Failure;
using detail::StoredEvent;

namespace {

constexpr std::int64_t latest_time = std::int64_t{1} << 52;  // µs; the scripts compute in doubles
constexpr std::int64_t no_more = -1;                         // instead of where to go on

/// Both ends included.
struct TimeRange {
    std::int64_t from = 0, to = latest_time;
};

TimeRange range_of(const EventFilter& filter) {
    TimeRange range;
    if (filter.created_at_min) {
        range.from = std::clamp<std::int64_t>(to_us(*filter.created_at_min), 0, latest_time);
    }
    if (filter.created_at_max) {
        range.to = std::clamp<std::int64_t>(to_us(*filter.created_at_max), -1, latest_time);
    }
    return range;
}

std::string status_word(const EventFilter& filter) {
    return filter.status ? std::string(to_string(*filter.status)) : std::string();
}

}  // namespace

// -- by id -----------------------------------------------------------------------------------------------------------

struct RedisStore::Getting {
    std::vector<EventId> ids = {};
    Deadline deadline = {};
    Callback<std::vector<std::optional<StoredEvent>>> done = {};
    std::vector<std::optional<StoredEvent>> found = {};
};

void RedisStore::get(std::vector<EventId> ids, Deadline deadline,
                     Callback<std::vector<std::optional<StoredEvent>>> done) {
    if (ids.empty()) {
        answer_later(std::vector<std::optional<StoredEvent>>(), std::move(done));
        return;
    }
    get_more(std::make_shared<Getting>(Getting{std::move(ids), deadline, std::move(done)}));
}

void RedisStore::get_more(std::shared_ptr<Getting> getting) {
    constexpr std::size_t ids_a_call = 1000;
    ScriptCall call{&scripts::get, {keys_.meta, keys_.groups, keys_.index}};
    call.argument(keys_.event_start).argument(keys_.leases_start).argument(keys_.open_start);
    call.argument(keys_.dead_start).argument(max_payload_bytes_).argument(reply_bytes_);
    const std::size_t first = getting->found.size();
    for (std::size_t i = first; i < std::min(getting->ids.size(), first + ids_a_call); ++i) {
        call.argument(getting->ids[i]);
    }
    run(
        std::move(call), getting->deadline, [getting](const Failure& failure) { getting->done(failure); },
        [this, getting](Reply& reply) {
            for (Reply& entry : reply.items.at(2).items) {
                const EventId id = getting->ids.at(getting->found.size());
                if (entry.items.empty()) {
                    getting->found.emplace_back();
                } else {
                    getting->found.emplace_back(
                        read_event(id, entry.items.at(0).text, entry.items.at(1).text, entry.items.at(2)));
                }
            }
            if (getting->found.size() < getting->ids.size() && !reply.items.at(2).items.empty()) {
                get_more(getting);
            } else {
                getting->found.resize(getting->ids.size());
                getting->done(std::move(getting->found));
            }
        });
}

/// Where the first reply says that the index lacks entries: asks again when they are back. Not where a later one says
/// so: what was found until then would have to be forgotten.
template <class Asking>
bool RedisStore::asks_again(const Reply& lacks, const std::shared_ptr<Asking>& asking,
                            void (RedisStore::*ask)(std::shared_ptr<Asking>)) {
    const bool is_first = !std::exchange(asking->asked, true);
    if (!is_first || lacks.integer != 1) {
        return false;
    }
    put_index_back(asking->deadline, most_rounds, [this, asking, ask] { (this->*ask)(asking); });
    return true;
}

// -- pages -----------------------------------------------------------------------------------------------------------

struct RedisStore::Searching {
    TimeRange range = {};
    std::string status = {};
    std::int64_t limit = 0;
    Deadline deadline = {};
    Callback<detail::SearchReply> done = {};
    detail::SearchReply found = {};
    int calls = 0;
    std::int64_t bytes = 0;
    bool asked = false;  // there was a reply
};

void RedisStore::search(detail::SearchRequest request, Deadline deadline, Callback<detail::SearchReply> done) {
    Searching searching{range_of(request.filter), status_word(request.filter), request.limit, deadline,
                        std::move(done)};
    if (request.before_us) {
        searching.range.to = std::min(searching.range.to, *request.before_us - 1);
    }
    search_more(std::make_shared<Searching>(std::move(searching)));
}

void RedisStore::search_more(std::shared_ptr<Searching> searching) {
    constexpr int most_calls = 10;  // then the page is short
    ScriptCall call{&scripts::search, {keys_.meta, keys_.index, keys_.groups, keys_.counter}};
    call.argument(searching->range.from).argument(searching->range.to).argument(searching->status);
    call.argument(searching->limit - static_cast<std::int64_t>(searching->found.events.size()));
    call.argument(keys_.event_start).argument(keys_.leases_start).argument(keys_.open_start);
    call.argument(keys_.dead_start).argument(max_payload_bytes_);
    call.argument(reply_bytes_ - searching->bytes);
    run(
        std::move(call), searching->deadline, [searching](const Failure& failure) { searching->done(failure); },
        [this, searching](Reply& reply) {
            if (asks_again(reply.items.at(4), searching, &RedisStore::search_more)) {
                return;
            }
            ++searching->calls;
            auto& events = searching->found.events;
            for (Reply& entry : reply.items.at(3).items) {
                events.push_back(read_event(to_int(entry.items.at(0)), entry.items.at(1).text, entry.items.at(2).text,
                                            entry.items.at(3)));
                searching->bytes += static_cast<std::int64_t>(events.back().payload.size());
            }
            const std::int64_t next = reply.items.at(2).integer;
            const bool full =
                static_cast<std::int64_t>(events.size()) >= searching->limit || searching->bytes >= reply_bytes_;
            if (next != no_more && !full && searching->calls < most_calls) {
                searching->range.to = next;
                search_more(searching);
                return;
            }
            if (next != no_more) {
                searching->found.next_before_us = next + 1;
            }
            searching->done(std::move(searching->found));
        });
}

// -- counts ----------------------------------------------------------------------------------------------------------

struct RedisStore::Counting {
    TimeRange range = {};
    std::string status = {};
    Deadline deadline = {};
    Callback<std::int64_t> done = {};
    std::int64_t count = 0;
    bool asked = false;
};

void RedisStore::count(EventFilter filter, Deadline deadline, Callback<std::int64_t> done) {
    count_more(std::make_shared<Counting>(Counting{range_of(filter), status_word(filter), deadline, std::move(done)}));
}

void RedisStore::count_more(std::shared_ptr<Counting> counting) {
    ScriptCall call{&scripts::count, {keys_.meta, keys_.index, keys_.groups, keys_.counter}};
    call.argument(counting->range.from).argument(counting->range.to).argument(counting->status);
    call.argument(keys_.leases_start).argument(keys_.open_start).argument(keys_.dead_start);
    run(
        std::move(call), counting->deadline, [counting](const Failure& failure) { counting->done(failure); },
        [this, counting](const Reply& reply) {
            if (asks_again(reply.items.at(4), counting, &RedisStore::count_more)) {
                return;
            }
            counting->count += reply.items.at(2).integer;
            const std::int64_t next = reply.items.at(3).integer;
            if (next == no_more) {
                counting->done(counting->count);
                return;
            }
            counting->range.to = next;
            count_more(counting);
        });
}

struct RedisStore::GatheringStats {
    std::int64_t to = latest_time;
    Deadline deadline = {};
    Callback<QueueStats> done = {};
    QueueStats stats = {};
    bool asked = false;
};

void RedisStore::stats(bool by_status, Deadline deadline, Callback<QueueStats> done) {
    const std::int64_t to = by_status ? latest_time : -1;  // before all events
    stats_more(std::make_shared<GatheringStats>(GatheringStats{to, deadline, std::move(done)}));
}

void RedisStore::stats_more(std::shared_ptr<GatheringStats> gathering) {
    ScriptCall call{&scripts::stats, {keys_.meta, keys_.counter, keys_.index, keys_.groups, keys_.workers}};
    call.argument(keys_.leases_start).argument(keys_.open_start).argument(keys_.dead_start).argument(gathering->to);
    run(
        std::move(call), gathering->deadline, [gathering](const Failure& failure) { gathering->done(failure); },
        [this, gathering](const Reply& reply) {
            if (asks_again(reply.items.at(10), gathering, &RedisStore::stats_more)) {
                return;
            }
            QueueStats& stats = gathering->stats;
            stats.last_id = reply.items.at(2).integer;
            stats.subscribers = reply.items.at(3).integer;
            stats.by_status[EventStatus::pending] += reply.items.at(4).integer;
            stats.by_status[EventStatus::processing] += reply.items.at(5).integer;
            stats.by_status[EventStatus::processed] += reply.items.at(6).integer;
            stats.by_status[EventStatus::error] += reply.items.at(7).integer;
            stats.expired = 0;
            for (const Reply& entry : reply.items.at(9).items) {
                GroupStats& group = stats.groups[entry.items.at(0).text];
                group.lag = entry.items.at(1).integer;
                const std::int64_t oldest = entry.items.at(2).integer;
                group.oldest_pending = oldest < 0 ? std::nullopt : std::optional(milliseconds(oldest));
                stats.expired += entry.items.at(3).integer;
                group.leased = entry.items.at(4).integer;
            }
            const std::int64_t next = reply.items.at(8).integer;
            if (next == no_more) {
                gathering->done(std::move(stats));
                return;
            }
            gathering->to = next;
            stats_more(gathering);
        });
}

// -- subscribers -----------------------------------------------------------------------------------------------------

void RedisStore::find_subscribers(const std::string& id, Deadline deadline,
                                  Callback<std::vector<SubscriberInfo>> done) {
    ScriptCall call{&scripts::subscribers, {keys_.workers}};
    call.argument(keys_.subscriber_start).argument(id);
    runner_.run(std::move(call), deadline, [done = std::move(done)](detail::Result<Reply> result) {
        if (!result.ok()) {
            done(result.failure());
            return;
        }
        std::vector<SubscriberInfo> found;
        for (Reply& entry : result.value().items) {
            found.push_back(redis::subscriber(entry));
        }
        std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
        done(std::move(found));
    });
}

void RedisStore::subscribers(Deadline deadline, Callback<std::vector<SubscriberInfo>> done) {
    find_subscribers({}, deadline, std::move(done));
}

void RedisStore::subscriber(std::string id, Deadline deadline, Callback<std::optional<SubscriberInfo>> done) {
    if (id.empty()) {
        answer_later(std::optional<SubscriberInfo>(), std::move(done));
        return;
    }
    find_subscribers(id, deadline, [done = std::move(done)](detail::Result<std::vector<SubscriberInfo>> found) {
        if (!found.ok()) {
            done(found.failure());
        } else if (found.value().empty()) {
            done(std::optional<SubscriberInfo>());
        } else {
            done(std::optional(std::move(found.value().front())));
        }
    });
}

}  // namespace eventy::redis
