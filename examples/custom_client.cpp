// A connection of your own making, shared by two queues with a prefix and a time to live of their own.
//
// Without EVENTY_REDIS_URL it talks to database 1 of the Redis on 127.0.0.1:6379.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <eventy/eventy.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <syncstream>

using namespace std::chrono_literals;

struct InvoiceEvent {
    std::string number;
    double amount = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(InvoiceEvent, number, amount)

struct ReminderEvent {
    std::string invoice;
    int days_late = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ReminderEvent, invoice, days_late)

namespace {

std::shared_ptr<eventy::redis::Client> connect() {
    eventy::redis::ClientOptions options;
    options.host = "127.0.0.1";
    options.port = 6379;
    // options.username, options.password: for a server that asks for them
    if (const char* url = std::getenv("EVENTY_REDIS_URL")) {
        options = eventy::redis::ClientOptions::from_url(url);  // all of the above from one string
    }
    options.db = 1;
    options.client_name = "billing";  // CLIENT LIST shows it
    options.connect_timeout = 2s;     // how long a queue's constructor waits for the server
    options.command_timeout = 10s;    // how long any call waits; then it throws TimeoutError
    return std::make_shared<eventy::redis::Client>(options);
}

}  // namespace

int main() try {
    std::atomic<int> processed = 0;  // used by both handlers, on several threads at once

    // The client connects by itself, and again after every loss. Nothing here has to care.
    const auto client = connect();

    const eventy::RedisEventQueue<InvoiceEvent> invoices({
        .redis_client = client,
        .key_prefix = "example-billing",
        .event_ttl = std::chrono::days(7),  // after it, Redis deletes the event, processed or not
        .concurrency = 2,                   // handlers at once
    });
    const eventy::RedisEventQueue<ReminderEvent> reminders({
        .redis_client = client,
        .key_prefix = "example-billing",
        .event_ttl = 1h,
        .concurrency = 1,
        .lease = 5s,  // how long a worker that fell silent keeps its events from the others
    });

    const auto on_invoice = invoices.subscribe([&](const eventy::QueueEvent<InvoiceEvent>& event) {
        std::osyncstream(std::cout) << "invoice " << event.payload.number << " over " << event.payload.amount << "\n";
        ++processed;
    });
    const auto on_reminder = reminders.subscribe([&](const eventy::QueueEvent<ReminderEvent>& event) {
        std::osyncstream(std::cout) << "reminder for " << event.payload.invoice << ", " << event.payload.days_late
                                    << " days late\n";
        ++processed;
    });

    // A key and headers go with the event, beside the payload.
    const auto invoice = invoices.publish({"INV-7", 120}, {.key = "customer-42", .headers = {{"source", "web"}}});
    reminders.publish({"INV-6", 14});
    if (!invoices.wait_idle(30s) || !reminders.wait_idle(30s)) {
        std::cerr << "the events were not processed in time\n";
        return 1;
    }
    const auto stored = invoices.get_event(invoice.id);
    std::cout << "key " << stored.key << ", source " << stored.headers.at("source") << "\n";
    std::cout << "processed " << processed << " events of two queues on one client\n";
    return 0;
} catch (const eventy::Error& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
