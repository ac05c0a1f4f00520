// What goes wrong, and how a program sees it.
//
// It talks to the Redis of EVENTY_REDIS_URL, else to redis://127.0.0.1:6379.
#include <chrono>
#include <cstdlib>
#include <eventy/eventy.hpp>
#include <iostream>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

using namespace std::chrono_literals;

struct PaymentEvent {
    std::string account;
    double amount = 0;
};
// Without _WITH_DEFAULT: a payload where a field is missing is an error.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PaymentEvent, account, amount)

namespace newer {
// Another program's idea of the same event: it wants one field more.
struct PaymentEvent {
    std::string account;
    double amount = 0;
    std::string currency;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PaymentEvent, account, amount, currency)
}  // namespace newer

namespace {

std::shared_ptr<eventy::redis::Client> connect() {
    const char* url = std::getenv("EVENTY_REDIS_URL");
    return eventy::redis::Client::from_url(url != nullptr ? url : "redis://127.0.0.1:6379");
}

// A handler that fails throws, anything. The event becomes ERROR, with what() as its last_error; the other events and
// the worker go on. This one has no state, so any number of threads may run it at once.
void charge(const eventy::QueueEvent<PaymentEvent>& event) {
    if (event.payload.amount < 0) {
        throw std::invalid_argument("cannot charge a negative amount");
    }
}

void failing_handler(const eventy::EventQueue<PaymentEvent>& queue) {
    const auto subscription = queue.subscribe(charge);
    const auto good = queue.publish({"alice", 10});
    const auto bad = queue.publish({"bob", -10});
    if (!queue.wait_idle(30s)) {
        throw std::runtime_error("the events were not processed in time");
    }
    std::cout << "payment of alice: " << queue.get_event(good.id).status << "\n";
    const auto failed = queue.get_event(bad.id);
    std::cout << "payment of bob: " << failed.status << ", " << failed.last_error << "\n";

    // All that failed; events() pages by itself.
    int errors = 0;
    for (const auto& event : queue.events({.status = eventy::EventStatus::error})) {
        errors += event.last_error.empty() ? 0 : 1;
    }
    std::cout << "failed payments: " << errors << "\n";
}

// The errors that are worth a class of their own can be caught by it.
void missing_event(const eventy::EventQueue<PaymentEvent>& queue) {
    try {
        queue.get_event(1'000'000'000);
    } catch (const eventy::EventNotFound& error) {
        std::cout << "EventNotFound: " << error.what() << "\n";
    }
    // Several at once do not throw: what is not there is an empty optional.
    if (!queue.get_events({1'000'000'000}).front()) {
        std::cout << "get_events: not there\n";
    }
}

void unwritable_payload(const eventy::EventQueue<PaymentEvent>& queue) {
    try {
        queue.publish({"carol", std::numeric_limits<double>::quiet_NaN()});  // JSON has no NaN
    } catch (const eventy::SerializationError& error) {
        std::cout << "SerializationError on publish: " << error.what() << "\n";
    }
}

void unreadable_payload(const eventy::EventQueue<PaymentEvent>& queue) {
    const auto id = queue.publish({"dave", 1}).id;

    // A client of its own: on one client, two C++ types under one name are refused (errc::name_taken).
    const eventy::RedisEventQueue<newer::PaymentEvent> other(
        {.event_type = "PaymentEvent", .redis_client = connect(), .key_prefix = "example-errors", .event_ttl = 10min});
    try {
        other.get_event(id);
    } catch (const eventy::SerializationError& error) {
        std::cout << "SerializationError on get_event: " << error.what() << "\n";
    }
    // One bad event hides no other: a search lists it apart.
    const auto page = other.search_events({}, {.limit = 1});
    std::cout << "search_events: " << page.items.size() << " readable, " << page.unreadable.size() << " not\n";
}

void no_server() {
    eventy::redis::ClientOptions options;
    options.port = 1;  // nobody is there
    options.connect_timeout = 500ms;
    try {
        // The constructor checks the server. With .lazy_connect it would not, and the first call would throw.
        const eventy::RedisEventQueue<PaymentEvent> queue(
            {.redis_client = std::make_shared<eventy::redis::Client>(options)});
    } catch (const eventy::ConnectionError& error) {
        std::cout << "ConnectionError: " << error.what() << "\n";
    }
}

// All are eventy::Error, a std::system_error: code() tells the others apart.
void errors_by_code(const eventy::EventQueue<PaymentEvent>& queue) {
    try {
        queue.search_events({}, {.page_id = "no such page"});
    } catch (const eventy::Error& error) {
        if (error.code() != eventy::errc::bad_page_id) {
            throw;
        }
        std::cout << "code " << error.code() << ", bad_page_id: " << error.what() << "\n";
    }

    queue.close();
    try {
        queue.publish({"erin", 1});
    } catch (const eventy::Error& error) {
        if (error.code() != eventy::errc::closed) {
            throw;
        }
        std::cout << "code " << error.code() << ", closed: " << error.what() << "\n";
    }
}

}  // namespace

int main() try {
    // The library's warnings go to stderr unless you say where. Here all is printed below, so they are dropped. The
    // logger is called on any thread, on several at once.
    eventy::set_logger([](eventy::LogLevel, std::string_view) {});

    const eventy::RedisEventQueue<PaymentEvent> queue(
        {.redis_client = connect(), .key_prefix = "example-errors", .event_ttl = 10min});
    failing_handler(queue);
    missing_event(queue);
    unwritable_payload(queue);
    unreadable_payload(queue);
    no_server();
    errors_by_code(queue);
    return 0;
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
