// Several worker processes share the work. Start them by hand, in terminals or on machines of your choice:
//
//     example_distributed work alice          until Ctrl-C or SIGTERM
//     example_distributed work bob
//     example_distributed publish 1000
//
// or call it without arguments: it starts two workers, publishes, says who did what, and ends.
//
// All of them talk to the Redis of EVENTY_REDIS_URL, else to redis://127.0.0.1:6379. That, the key prefix and the event
// type are all that they share.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <eventy/eventy.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <syncstream>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

// The work: how many steps does the Collatz sequence take from this number down to 1?
struct JobEvent {
    std::uint64_t start = 1;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(JobEvent, start)

// A worker says hello with it, so that the publisher need not guess when the workers are there.
struct WorkerStartedEvent {
    std::string name;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(WorkerStartedEvent, name)

namespace {

std::shared_ptr<eventy::redis::Client> connect() {
    const char* url = std::getenv("EVENTY_REDIS_URL");
    return eventy::redis::Client::from_url(url != nullptr ? url : "redis://127.0.0.1:6379");
}

eventy::EventQueue<JobEvent> open_jobs(const std::shared_ptr<eventy::redis::Client>& client) {
    return eventy::RedisEventQueue<JobEvent>(
        {.redis_client = client, .key_prefix = "example-distributed", .event_ttl = 10min, .concurrency = 2});
}

eventy::EventQueue<WorkerStartedEvent> open_hellos(const std::shared_ptr<eventy::redis::Client>& client) {
    return eventy::RedisEventQueue<WorkerStartedEvent>(
        {.redis_client = client, .key_prefix = "example-distributed", .event_ttl = 10min});
}

int collatz_steps(std::uint64_t number) {
    int steps = 0;
    while (number > 1) {
        number = number % 2 == 0 ? number / 2 : 3 * number + 1;
        ++steps;
    }
    return steps;
}

// -- a worker ---------------------------------------------------------------------------------------------------------

int work(const std::string& name) {
    // Two handlers run at once (`concurrency`), so a plain int would be a data race.
    std::atomic<int> processed = 0;

    const auto client = connect();  // one connection for both queues
    const auto jobs = open_jobs(client);
    auto subscription = jobs.subscribe([&](const eventy::QueueEvent<JobEvent>& job) {
        static_cast<void>(collatz_steps(job.payload.start));
        ++processed;
    });
    open_hellos(client).publish({name});

    // Until Ctrl-C or SIGTERM. Should this process be killed instead, its events go to the other workers as soon as
    // their lease ends.
    eventy::wait_for_termination();

    // Takes no more events, and waits for those that are being processed.
    subscription.unsubscribe();
    std::osyncstream(std::cout) << "worker " << name << " ends, it processed " << processed << " jobs\n";
    return 0;
}

// -- the publisher ----------------------------------------------------------------------------------------------------

/// Publishes and waits for the workers. `names` says whose process is whose, where that is known.
int publish(const eventy::EventQueue<JobEvent>& jobs, std::uint64_t count, const std::map<pid_t, std::string>& names) {
    std::vector<eventy::EventId> ids;
    std::vector<JobEvent> batch;
    for (std::uint64_t number = 1; number <= count; ++number) {
        batch.push_back({number});
        if (batch.size() == 100 || number == count) {  // publish_all takes up to 1,000 at once
            for (const auto& event : jobs.publish_all(std::move(batch))) {
                ids.push_back(event.id);
            }
            batch.clear();
        }
    }
    std::cout << "published " << ids.size() << " jobs" << std::endl;

    if (!jobs.wait_idle(60s)) {
        std::cerr << "the jobs were not processed in time; is a worker running?\n";
        return 1;
    }

    // Each processed event says which worker did it; the list of live subscribers says which process that is.
    std::map<std::string, std::string> worker_names;
    for (const auto& subscriber : jobs.search_subscribers()) {
        const auto name = names.find(static_cast<pid_t>(subscriber.pid));
        worker_names[subscriber.worker_id] =
            name != names.end() ? name->second : "process " + std::to_string(subscriber.pid) + " on " + subscriber.host;
    }
    std::map<std::string, int> processed_by;
    std::size_t processed = 0;
    for (const auto& event : jobs.get_events(ids)) {
        if (event && event->status == eventy::EventStatus::processed) {
            const auto name = worker_names.find(event->processed_by);
            ++processed_by[name != worker_names.end() ? name->second : event->processed_by];
            ++processed;
        }
    }
    for (const auto& [name, jobs_done] : processed_by) {
        std::cout << name << " processed " << jobs_done << std::endl;
    }
    std::cout << "processed in all: " << processed << std::endl;
    return processed == ids.size() ? 0 : 1;
}

// -- all in one -------------------------------------------------------------------------------------------------------

/// This program again, as a worker in a process of its own. Ended at the end of the scope.
class WorkerProcess {
public:
    explicit WorkerProcess(std::string name) : name_(std::move(name)) {
        std::string program = "example_distributed", mode = "work";
        char* const arguments[] = {program.data(), mode.data(), name_.data(), nullptr};
        if (posix_spawn(&pid_, "/proc/self/exe", nullptr, nullptr, arguments, environ) != 0) {
            throw std::runtime_error("cannot start a worker process");
        }
    }
    ~WorkerProcess() {
        kill(pid_, SIGTERM);
        waitpid(pid_, nullptr, 0);
    }
    WorkerProcess(const WorkerProcess&) = delete;
    WorkerProcess& operator=(const WorkerProcess&) = delete;

    pid_t pid() const { return pid_; }
    const std::string& name() const { return name_; }

private:
    std::string name_;
    pid_t pid_ = 0;
};

int demo() {
    const WorkerProcess alice("alice");
    const WorkerProcess bob("bob");

    const auto client = connect();
    std::counting_semaphore<> started(0);
    const auto hellos = open_hellos(client);
    const auto subscription = hellos.subscribe([&](const eventy::QueueEvent<WorkerStartedEvent>& hello) {
        std::osyncstream(std::cout) << "worker " << hello.payload.name << " has started" << std::endl;
        started.release();
    });
    if (!started.try_acquire_for(60s) || !started.try_acquire_for(60s)) {
        std::cerr << "the workers did not start\n";
        return 1;
    }
    return publish(open_jobs(client), 2000, {{alice.pid(), alice.name()}, {bob.pid(), bob.name()}});
}

}  // namespace

int main(int argc, char** argv) try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.size() == 2 && arguments[0] == "work") {
        return work(arguments[1]);
    }
    // wait_for_termination makes the program catch these two from its start on. Where it is not called, they end the
    // program as usual.
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    if (arguments.empty()) {
        return demo();
    }
    if (arguments.size() == 2 && arguments[0] == "publish") {
        return publish(open_jobs(connect()), std::stoull(arguments[1]), {});
    }
    std::cerr << "usage: example_distributed [work NAME | publish COUNT]\n";
    return 2;
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
