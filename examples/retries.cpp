// Attempts, and what is left when they are used up: dead letters.
//
// It talks to the Redis of EVENTY_REDIS_URL, else to redis://127.0.0.1:6379.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <eventy/eventy.hpp>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

using namespace std::chrono_literals;

struct Transfer {
    std::string account;
    double amount = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Transfer, account, amount)

namespace {

std::shared_ptr<eventy::redis::Client> connect() {
    const char* url = std::getenv("EVENTY_REDIS_URL");
    return eventy::redis::Client::from_url(url != nullptr ? url : "redis://127.0.0.1:6379");
}

// A bank with its days. Handlers run on several threads at once, so what they share is atomic.
class Bank {
public:
    void mend() { broken_ = false; }

    void book(const eventy::QueueEvent<Transfer>& event, const eventy::Context& context) const {
        const Transfer& transfer = event.payload;
        if (transfer.amount <= 0) {
            // No attempt will ever succeed: ERROR at once.
            throw eventy::Reject{"the amount is not positive"};
        }
        if (transfer.account == "closed-today" && context.attempt() < 4) {
            // We know when to ask again, and that it is nobody's fault: also more often than the policy says.
            throw eventy::Retry{.after = 20ms, .reason = "the counter is closed"};
        }
        if (transfer.account == "shaky" && context.attempt() == 1) {
            throw std::runtime_error("connection reset");  // again after the backoff
        }
        if (transfer.account == "broken" && broken_) {
            throw std::runtime_error("internal error");  // on every attempt
        }
    }

private:
    std::atomic<bool> broken_{true};
};

void show(const eventy::EventQueue<Transfer>& queue, eventy::EventId id) {
    const auto event = queue.get_event(id);
    std::cout << event.payload.account << ": " << event.status << " at attempt " << event.attempt;
    if (!event.last_error.empty()) {
        std::cout << ", " << event.last_error;
    }
    std::cout << "\n";
    for (const auto& failed : event.failures) {  // the last 20, oldest first
        std::cout << "    attempt " << failed.attempt << " failed: " << failed.error << "\n";
    }
}

void wait_until_idle(const eventy::EventQueue<Transfer>& queue) {
    if (!queue.wait_idle(30s)) {
        throw std::runtime_error("the events were not processed in time");
    }
}

}  // namespace

int main() try {
    // What belongs to the workers of a group stands in the queue's options.
    const eventy::RedisEventQueue<Transfer> queue({
        .redis_client = connect(),
        .key_prefix = "example-retries",
        .event_ttl = 10min,
        .retry = {.max_attempts = 3, .initial_backoff = 50ms, .max_backoff = 1s},
        .handler_timeout = 10s,  // then the stop token fires and the attempt has failed
    });

    // Nobody subscribes yet, so this one is sure to be there still. No handler will see it.
    const auto mistake = queue.publish({"by-mistake", 1}).id;
    queue.discard(mistake);

    Bank bank;
    const auto subscription = queue.subscribe(
        [&bank](const eventy::QueueEvent<Transfer>& event, eventy::Context& context) { bank.book(event, context); });
    const auto shaky = queue.publish({"shaky", 10}).id;
    const auto closed = queue.publish({"closed-today", 10}).id;
    const auto rejected = queue.publish({"nothing", 0}).id;
    const auto broken = queue.publish({"broken", 10}).id;
    wait_until_idle(queue);
    for (const auto id : {mistake, shaky, closed, rejected, broken}) {
        show(queue, id);
    }

    // Dead letters wait for somebody, for event_ttl. When the cause is mended, they are taken up again: one by its id,
    // or many by a filter, with all their attempts.
    bank.mend();
    queue.retry_event(broken);
    wait_until_idle(queue);
    std::cout << "after the mend ";
    show(queue, broken);

    const auto again = queue.retry_all({}, [](const eventy::BulkProgress& step) {
        std::cout << "taken up again: " << step.done << " of " << step.total << "\n";
    });
    wait_until_idle(queue);
    std::cout << "of " << again << " dead letters " << queue.count_events({.status = eventy::EventStatus::error})
              << " was rejected again\n";
    return 0;
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
