#include "redis/redis_backend.hpp"

#include <future>
#include <utility>

#include "redis/client/client_options.hpp"
#include "redis/scripts.hpp"
#include "redis/type_registry.hpp"

namespace eventy::redis {

namespace {

ClientOptions validated(ClientOptions options) {
    validate(options);
    return options;
}

}  // namespace

RedisBackend::RedisBackend(ClientOptions options, RedisStore::Limits limits)
    : options_(validated(std::move(options))),
      place_(redis::describe(options_)),
      limits_(limits),
      core_(std::make_unique<ClientCore>(io_, options_)) {
    io_.post([this] { push_back_orphans(); });
}

RedisBackend::~RedisBackend() {
    if (io_.on_this_thread()) {
        core_.reset();
        return;
    }
    std::promise<void> gone;
    io_.post([this, &gone] {
        core_.reset();
        gone.set_value();
    });
    gone.get_future().wait();
}

void RedisBackend::push_back_orphans() {
    core_->set_orphaned([this](std::string list) {
        // With its text: it is rare, and nobody waits for it.
        core_->send(to_command({&scripts::push_back, {std::move(list)}}, true), {}, [](const auto&) {});
    });
}

void RedisBackend::check(Deadline deadline, Callback<Done> done) {
    io_.post([this, self = weak_from_this(), deadline, done = std::move(done)]() mutable {
        if (const auto alive = self.lock()) {
            core_->wait_ready(deadline, std::move(done));
        }
    });
}

std::unique_ptr<detail::Store> RedisBackend::open(detail::QueueName name, detail::StoreSettings settings) {
    return std::make_unique<RedisStore>(io_, *core_, std::move(name), place_, settings, limits_);
}

void RedisBackend::list_types(std::string prefix, Deadline deadline, Callback<std::vector<std::string>> done) {
    TypeRegistry(*core_, place_).list(prefix, deadline, std::move(done));
}

void RedisBackend::remove_type(detail::QueueName name, Deadline deadline, Callback<Done> done) {
    TypeRegistry(*core_, place_).remove(name, deadline, std::move(done));
}

// -- the public handle -----------------------------------------------------------------------------------------------

Client::Client(ClientOptions options) : backend_(std::make_shared<RedisBackend>(std::move(options))) {}

Client::~Client() {
    if (!backend_->io().is_at_home()) {
        detail::leave_alone(std::move(backend_));
    }
}

std::shared_ptr<Client> Client::from_url(std::string_view url) {
    return std::make_shared<Client>(ClientOptions::from_url(url));
}

}  // namespace eventy::redis
