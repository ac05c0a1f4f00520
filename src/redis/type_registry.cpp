#include "redis/type_registry.hpp"

#include <algorithm>
#include <utility>

#include "redis/keys.hpp"

namespace eventy::redis {

namespace {

detail::Callback<Reply> without_reply(detail::Callback<detail::Done> done) {
    return [done = std::move(done)](const detail::Result<Reply>& result) {
        done(result.ok() ? detail::Result<detail::Done>(detail::Done{}) : result.failure());
    };
}

}  // namespace

void TypeRegistry::add(const detail::QueueName& name, Deadline deadline, Callback<detail::Done> done) {
    const std::string registry = Keys::registry(name.prefix);
    send({"SADD", registry, name.type}, deadline, without_reply(std::move(done)));
    core_.send(make_command({"PERSIST", registry}, registry), deadline, [](const detail::Result<Reply>&) {});
}

void TypeRegistry::remove(const detail::QueueName& name, Deadline deadline, Callback<detail::Done> done) {
    const std::string registry = Keys::registry(name.prefix);
    send({"SREM", registry, name.type}, deadline, without_reply(std::move(done)));
}

void TypeRegistry::list(std::string_view prefix, Deadline deadline, Callback<std::vector<std::string>> done) {
    const std::string registry = Keys::registry(prefix);
    send({"SMEMBERS", registry}, deadline, [done = std::move(done)](detail::Result<Reply> result) {
        if (!result.ok()) {
            done(result.failure());
            return;
        }
        std::vector<std::string> types;
        for (Reply& item : result.value().items) {
            types.push_back(std::move(item.text));
        }
        std::sort(types.begin(), types.end());
        done(std::move(types));
    });
}

void TypeRegistry::send(const std::vector<std::string_view>& words, Deadline deadline, Callback<Reply> done) {
    const std::string at = std::string(words.at(0)) + " at " + place_ + ": ";
    const std::string key = "key '" + std::string(words.at(1)) + "'";
    core_.send(make_command(words, std::string(words.at(1))), deadline,
               [at, key, done = std::move(done)](detail::Result<Reply> result) {
                   if (!result.ok() || !result.value().is_error()) {
                       done(std::move(result));
                   } else if (result.value().is_error("WRONGTYPE")) {
                       done(detail::Failure{errc::server, at + key +
                                                              " holds something else where Eventy keeps a set "
                                                              "of event types; delete or rename that key"});
                   } else {
                       done(detail::Failure{errc::server, at + key + ": " + result.value().text});
                   }
               });
}

}  // namespace eventy::redis
