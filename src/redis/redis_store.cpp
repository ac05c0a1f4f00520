#include "redis/redis_store.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <utility>

#include "base/log.hpp"
#include "redis/record_codec.hpp"
#include "redis/scripts.hpp"

namespace eventy::redis {

using detail::Failure;

namespace {

/// Unique among all stores on all clients.
std::uint64_t new_token() {
    static std::atomic<std::uint64_t> last{0};
    return ++last;
}

}  // namespace

RedisStore::RedisStore(detail::IoThread& io, ClientCore& core, detail::QueueName name, std::string place,
                       detail::StoreSettings settings, Limits limits)
    : io_(io),
      core_(core),
      name_(std::move(name)),
      keys_(name_),
      max_payload_bytes_(settings.max_payload_bytes),
      reply_bytes_(limits.reply_bytes),
      registry_(core, place),
      runner_(core, keys_, std::move(place)),
      numbered_(io.context(), core, runner_, keys_,
                {.longest_call = std::max(settings.publish_timeout, core.options().command_timeout),
                 .copies_live = limits.copies_live},
                [this](const Reply& reply) {
                    heard(reply.items.at(1));
                    lost_writes(reply.items.at(3));
                }),
      connection_token_(new_token()) {}

RedisStore::~RedisStore() {
    core_.remove_on_reconnect(connection_token_);
    core_.remove_on_presence(connection_token_);
    for (const auto& [group, list] : waits_) {
        core_.stop_waiting(list);
    }
    for (const auto& [ours, theirs] : watch_tokens_) {
        core_.unlisten(theirs);
    }
}

void RedisStore::run(ScriptCall call, Deadline deadline, std::function<void(const Failure&)> failed, Handler done) {
    const Script* const script = call.script;
    runner_.run(std::move(call), deadline,
                [this, script, failed = std::move(failed), done = std::move(done)](detail::Result<Reply> result) {
                    if (!result.ok()) {
                        failed(result.failure());
                        return;
                    }
                    Reply& reply = result.value();
                    if (reply.items.size() >= 2) {
                        heard(reply.items[0]);
                    }
                    try {
                        done(reply);
                    } catch (const std::out_of_range&) {  // by what takes the reply apart: nobody was told yet
                        failed(runner_.not_understood(*script));
                    }
                });
}

/// `gen` is made together with the data, so another one means other data.
void RedisStore::heard(const Reply& generation) {
    if (generation.text.empty() || generation.text == generation_) {
        return;
    }
    if (!generation_.empty()) {
        detail::log(LogLevel::warning, "the data of " + name_.prefix + " " + name_.type + " at " + runner_.place() +
                                           " is not the one seen before: it was flushed or restored");
    }
    generation_ = generation.text;
}

void RedisStore::lost_writes(const Reply& flag) {
    if (flag.integer == 1) {
        detail::log(LogLevel::warning,
                    "the server at " + runner_.place() +
                        " has lost writes that it had confirmed (a failover or a crash); events of " + name_.prefix +
                        " " + name_.type + " may be missing or run again");
    }
}

// -- who is there ----------------------------------------------------------------------------------------------------

void RedisStore::upkeep(detail::UpkeepRequest request, Callback<detail::UpkeepReply> done) {
    ScriptCall call{&scripts::upkeep,
                    {keys_.meta, keys_.counter, keys_.index, keys_.groups, keys_.idle, keys_.workers}};
    if (!request.group.empty()) {
        const GroupKeys group = keys_.of_group(request.group);
        call.keys.insert(call.keys.end(), {group.leases, group.delayed, group.held, group.open, group.dead});
    }
    call.argument(request.group).argument(request.subscriber_ttl.count());
    call.argument(keys_.subscriber_start).argument(name_.type);
    for (const SubscriberInfo& info : request.alive) {
        call.argument(info.id).argument(info.group).argument(info.worker_id).argument(info.host).argument(info.pid);
    }
    run(
        std::move(call), {}, [done](const Failure& failure) { done(failure); },
        [this, done](const Reply& reply) {
            if (reply.items.at(3).integer == 1) {
                sweep();
            }
            done(detail::UpkeepReply{reply.items.at(2).integer == 1, reply.items.at(4).integer});
        });
    keep_registered();
}

/// Clean-up does not wait for workers: who publishes cleans up, too, if nobody did it a moment ago.
void RedisStore::sweep_now_and_then() {
    constexpr auto pause = std::chrono::milliseconds(900);
    if (!last_sweep_ || Clock::now() - *last_sweep_ >= pause) {
        sweep();
    }
}

void RedisStore::sweep() {
    last_sweep_ = Clock::now();
    if (!sweeping_) {
        sweeping_ = true;
        sweep_round(most_rounds);
    }
}

void RedisStore::sweep_round(int left) {
    constexpr std::int64_t entries_a_call = 1000;
    ScriptCall call{&scripts::sweep, {keys_.meta, keys_.index, keys_.groups, keys_.counter}};
    call.argument(keys_.event_start).argument(keys_.dead_start).argument(keys_.open_start);
    call.argument(keys_.delayed_start).argument(keys_.held_start).argument(entries_a_call);
    run(
        std::move(call), {},
        [this](const Failure& failure) {
            sweeping_ = false;
            detail::log(LogLevel::debug, "clean-up: " + failure.message);
        },
        [this, left](const Reply& reply) {
            if (reply.items.at(2).integer == 1 && left > 1) {
                sweep_round(left - 1);
            } else if (reply.items.at(3).integer == 1) {
                put_index_back({}, most_rounds, [this] { sweeping_ = false; });
            } else {
                sweeping_ = false;
            }
        });
}

/// Where the index lacks entries, because somebody deleted it. Goes on with `then` when all are back, and also when the
/// rounds are used up, each a short script, or it fails: what comes next sees how far it came.
void RedisStore::put_index_back(Deadline deadline, int rounds, std::function<void()> then) {
    constexpr std::int64_t ids_a_call = 1000;
    ScriptCall call{&scripts::reindex, {keys_.meta, keys_.counter, keys_.index}};
    call.argument(keys_.event_start).argument(ids_a_call);
    run(
        std::move(call), deadline,
        [then](const Failure& failure) {
            detail::log(LogLevel::debug, "putting the index back: " + failure.message);
            then();
        },
        [this, deadline, rounds, then](const Reply& reply) {
            if (reply.items.at(2).integer == 1 && rounds > 1) {
                put_index_back(deadline, rounds - 1, then);
            } else {
                then();
            }
        });
}

void RedisStore::remove_subscribers(std::vector<std::string> ids, Callback<Done> done) {
    ScriptCall call{&scripts::remove_subscribers, {keys_.workers}, {keys_.subscriber_start}};
    call.arguments.insert(call.arguments.end(), std::make_move_iterator(ids.begin()),
                          std::make_move_iterator(ids.end()));
    run(std::move(call), {}, [done](const Failure& failure) { done(failure); }, [done](const Reply&) { done(Done{}); });
}

void RedisStore::add_type(Deadline deadline, Callback<Done> done) {
    registered_ = true;
    last_registration_ = Clock::now();
    registry_.add(name_, deadline, [life = std::weak_ptr(alive_), done = std::move(done)](detail::Result<Done> result) {
        if (!life.expired()) {
            done(std::move(result));
        }
    });
}

/// The registry may be deleted, or expire, by somebody else's doing.
void RedisStore::keep_registered() {
    constexpr auto pause = std::chrono::seconds(30);
    if (registered_ && Clock::now() - *last_registration_ >= pause) {
        add_type({}, [type = name_.type](const detail::Result<Done>& result) {
            if (!result.ok()) {
                detail::log(LogLevel::warning,
                            "cannot keep " + type + " among the registered types: " + result.failure().message);
            }
        });
    }
}

// -- being told ------------------------------------------------------------------------------------------------------

void RedisStore::wait(std::string group, std::function<void()> woken) {
    std::string list = keys_.of_group(group).wake;
    waits_[group] = list;
    core_.wait_list(std::move(list), std::move(woken));
}

void RedisStore::stop_waiting(const std::string& group) {
    const auto waited = waits_.extract(group);
    if (!waited.empty()) {
        core_.stop_waiting(waited.mapped());
    }
}

void RedisStore::nudge(const std::string& group) {
    run({&scripts::push_back, {keys_.of_group(group).wake}}, {}, [](const Failure&) {}, [](const Reply&) {});
}

void RedisStore::watch(std::uint64_t token, Watcher watcher, Callback<Done> ready) {
    const std::uint64_t theirs = new_token();
    watch_tokens_[token] = theirs;
    ClientCore::Listener listener;
    listener.message = [told = std::move(watcher.notice), channel = keys_.channel](std::string_view payload) {
        if (auto parsed = notice(payload)) {
            told(std::move(*parsed));
        } else {
            detail::log(LogLevel::debug, "a message on channel '" + channel + "' is none of ours: it was skipped");
        }
    };
    listener.gap = std::move(watcher.gap);
    core_.listen(theirs, keys_.channel, std::move(listener), std::move(ready));
}

void RedisStore::unwatch(std::uint64_t token) {
    const auto entry = watch_tokens_.extract(token);
    if (!entry.empty()) {
        core_.unlisten(entry.mapped());
    }
}

void RedisStore::on_reconnect(std::function<void()> reconnected) {
    core_.on_reconnect(connection_token_, std::move(reconnected));
}

void RedisStore::on_presence(std::function<void()> changed) {
    core_.on_presence(connection_token_, std::move(changed));
}

}  // namespace eventy::redis
