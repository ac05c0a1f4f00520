#include "scenarios.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <eventy/eventy.hpp>
#include <memory>
#include <stdexcept>
#include <thread>

namespace eventy::bench {

namespace {

using Clock = std::chrono::steady_clock;

// 83 bytes, as in the figures that others are measured with.
const std::string payload = R"({"order_id":"ORD-0000000001","amount":99.99,"customer":"0123456789","currency":"EUR"})";

EventQueue<std::string> open(test::RedisServer& server, const std::string& prefix, int concurrency = 2) {
    redis::ClientOptions options;
    options.unix_socket = server.socket_path();
    options.command_timeout = std::chrono::minutes(1);
    return RedisEventQueue<std::string>({.event_type = "Order",
                                         .redis_client = std::make_shared<redis::Client>(options),
                                         .serializer = std::make_shared<RawSerializer>(),
                                         .key_prefix = prefix,
                                         .concurrency = concurrency});
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double rate(std::int64_t count, Clock::time_point start) { return static_cast<double>(count) / seconds_since(start); }

void fill(const EventQueue<std::string>& queue, std::int64_t count) {
    for (std::int64_t done = 0; done < count; done += 1000) {
        const auto size = static_cast<std::size_t>(std::min<std::int64_t>(1000, count - done));
        (void)queue.publish_all(std::vector<std::string>(size, payload));
    }
}

std::vector<Measurement> publish(test::RedisServer& server, const Scale& scale, int callers) {
    const auto queue = open(server, "publish" + std::to_string(callers));
    const std::int64_t each = scale.events / callers / (callers == 1 ? 4 : 1);
    std::vector<std::thread> threads;
    const auto start = Clock::now();
    for (int i = 0; i < callers; ++i) {
        threads.emplace_back([&] {
            for (std::int64_t n = 0; n < each; ++n) {
                (void)queue.publish(payload);
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    return {{"publish, " + std::to_string(callers) + (callers == 1 ? " caller" : " callers"),
             rate(each * callers, start), "events/s"}};
}

std::vector<Measurement> publish_all(test::RedisServer& server, const Scale& scale) {
    const auto queue = open(server, "publish_all");
    const auto start = Clock::now();
    for (std::int64_t done = 0; done < scale.events; done += 100) {
        (void)queue.publish_all(std::vector<std::string>(100, payload));
    }
    return {{"publish_all, 100 a call", rate(scale.events, start), "events/s"}};
}

void wait_for(const std::atomic<std::int64_t>& handled, std::int64_t count) {
    while (handled < count) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

std::vector<Measurement> process(test::RedisServer& server, const Scale& scale) {
    const auto queue = open(server, "process");
    fill(queue, scale.events);
    std::atomic<std::int64_t> handled{0};
    const auto start = Clock::now();
    const auto subscription = queue.subscribe([&](const QueueEvent<std::string>&) { ++handled; });
    wait_for(handled, scale.events);
    const double result = rate(scale.events, start);
    if (!queue.wait_idle(std::chrono::minutes(1))) {
        throw std::runtime_error("the outcomes were not stored");
    }
    return {{"process, empty handlers", result, "events/s"}};
}

std::vector<Measurement> both(test::RedisServer& server, const Scale& scale) {
    const auto producer = open(server, "both");
    const auto consumer = open(server, "both");
    std::atomic<std::int64_t> handled{0};
    const auto subscription = consumer.subscribe([&](const QueueEvent<std::string>&) { ++handled; });
    const auto start = Clock::now();
    for (std::int64_t done = 0; done < scale.events; done += 100) {
        (void)producer.publish_all(std::vector<std::string>(100, payload));
    }
    wait_for(handled, scale.events);
    return {{"publish and process at once", rate(scale.events, start), "events/s"}};
}

double percentile(std::vector<double>& sorted, double part) {
    return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(part * static_cast<double>(sorted.size())))];
}

constexpr auto idle = std::chrono::milliseconds(2);

/// Of a PING on a blocking connection of its own, the machine as idle as in `latency`: what a round trip costs here
/// now.
double round_trip(test::RedisServer& server, std::int64_t count) {
    std::vector<double> times;
    for (std::int64_t i = 0; i < count; ++i) {
        const auto start = Clock::now();
        server.must({"PING"});
        times.push_back(seconds_since(start) * 1e6);
        std::this_thread::sleep_for(idle);
    }
    std::sort(times.begin(), times.end());
    return percentile(times, 0.5);
}

/// Redis on one core and this program on another, until its end: as if each had a machine of its own. On the same core
/// a woken process runs at once; on another one, that sleeps, it takes a multiple of that, as over a network.
class Apart {
public:
    explicit Apart(const test::RedisServer& server) {
        sched_getaffinity(0, sizeof before_, &before_);
        std::vector<int> cores;
        for (int core = 0; core < CPU_SETSIZE; ++core) {
            if (CPU_ISSET(core, &before_)) {
                cores.push_back(core);
            }
        }
        if (cores.size() < 2) {
            throw std::runtime_error("latency-apart needs two cores");
        }
        put(server.pid(), cores[0]);
        put(0, cores[1]);
    }
    ~Apart() { sched_setaffinity(0, sizeof before_, &before_); }
    Apart(const Apart&) = delete;
    Apart& operator=(const Apart&) = delete;

private:
    static void put(pid_t process, int core) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(core, &set);
        sched_setaffinity(process, sizeof set, &set);
    }
    cpu_set_t before_{};
};

std::vector<Measurement> latency(test::RedisServer& server, const Scale& scale) {
    const auto producer = open(server, "latency");
    const auto consumer = open(server, "latency");
    std::atomic<Clock::rep> arrived{0};
    const auto subscription = consumer.subscribe([&](const QueueEvent<std::string>&) {
        arrived = Clock::now().time_since_epoch().count();
        arrived.notify_one();
    });
    std::vector<double> times;
    const auto count = std::min<std::int64_t>(1000, scale.events / 10);
    for (std::int64_t i = 0; i < count; ++i) {
        arrived = 0;
        const auto start = Clock::now();
        (void)producer.publish(payload);
        arrived.wait(0);
        times.push_back(
            std::chrono::duration<double, std::micro>(Clock::duration(arrived) - start.time_since_epoch()).count());
        // Idle again: its outcome is stored and it waits.
        std::this_thread::sleep_for(idle);
    }
    std::sort(times.begin(), times.end());
    const double ping = round_trip(server, count);
    return {{"publish to handler, idle queue, p50", percentile(times, 0.5), "us"},
            {"publish to handler, idle queue, p99", percentile(times, 0.99), "us"},
            {"PING, p50", ping, "us"},
            {"publish to handler, p50", percentile(times, 0.5) / ping, "round trips of PING"}};
}

std::vector<Measurement> latency_apart(test::RedisServer& server, const Scale& scale) {
    const Apart apart(server);
    return latency(server, scale);
}

/// Microseconds that the server spent in scripts so far.
double script_time(test::RedisServer& server) {
    double total = 0;
    const std::string stats = server.must({"INFO", "commandstats"}).str();
    for (const char* command : {"cmdstat_evalsha:", "cmdstat_eval:"}) {
        const auto at = stats.find(command);
        if (at != std::string::npos) {
            total += std::stod(stats.substr(stats.find("usec=", at) + 5));
        }
    }
    return total;
}

template <class F>
Measurement redis_time(test::RedisServer& server, const std::string& name, F call) {
    call();  // the script is loaded now
    constexpr int times = 20;
    const double before = script_time(server);
    for (int i = 0; i < times; ++i) {
        call();
    }
    return {name, (script_time(server) - before) / times, "us of Redis"};
}

/// One event in a thousand fails for good. Returns when the group has handled so many, and handed back the rest.
void work(const EventQueue<std::string>& queue, const std::string& group, std::int64_t count) {
    std::atomic<std::int64_t> handled{0};
    const auto subscription = queue.subscribe(
        [&](const QueueEvent<std::string>& event) {
            ++handled;
            if (event.id % 1000 == 0) {
                throw std::runtime_error("one in a thousand");
            }
        },
        {.group = group});
    wait_for(handled, count);
}

/// Pages of 100, counts and statistics, by every filter.
void read_all(test::RedisServer& server, const EventQueue<std::string>& queue, const Scale& scale,
              const std::string& among, std::vector<Measurement>& all) {
    const auto middle = queue.get_event(scale.stored / 4).created_at;
    const auto page = [&](const std::string& name, const EventFilter& filter) {
        all.push_back(redis_time(server, among + "page of 100, " + name, [&] { (void)queue.search_events(filter); }));
    };
    const auto count = [&](const std::string& name, const EventFilter& filter) {
        all.push_back(redis_time(server, among + "count, " + name, [&] { (void)queue.count_events(filter); }));
    };
    page("all", {});
    page("by time", {.created_at_max = middle});
    count("by time", {.created_at_max = middle});
    for (const auto status :
         {EventStatus::pending, EventStatus::processing, EventStatus::processed, EventStatus::error}) {
        const std::string word(to_string(status));
        page(word, {.status = status});
        page(word + " by time", {.created_at_max = middle, .status = status});
        count(word, {.status = status});
        count(word + " by time", {.created_at_max = middle, .status = status});
    }
    all.push_back(redis_time(server, among + "stats", [&] { (void)queue.stats(); }));
}

std::vector<Measurement> reading(test::RedisServer& server, const Scale& scale) {
    const auto queue = open(server, "reading");
    fill(queue, scale.stored);
    work(queue, "default", scale.stored / 2);
    std::vector<Measurement> all;
    read_all(server, queue, scale, "", all);
    return all;
}

/// A group that has finished, and one or two that lag.
std::vector<Measurement> reading_groups(test::RedisServer& server, const Scale& scale) {
    const auto queue = open(server, "reading-groups");
    fill(queue, scale.stored);
    work(queue, "default", scale.stored);
    work(queue, "mail", scale.stored / 2);
    std::vector<Measurement> all;
    read_all(server, queue, scale, "2 groups: ", all);
    work(queue, "audit", scale.stored / 10);
    read_all(server, queue, scale, "3 groups: ", all);
    return all;
}

}  // namespace

const std::vector<Scenario>& scenarios() {
    static const std::vector<Scenario> all{
        {"publish-1", "one caller, one event a call", [](auto& s, const auto& c) { return publish(s, c, 1); }},
        {"publish-100", "100 callers at once, one event a call",
         [](auto& s, const auto& c) { return publish(s, c, 100); }},
        {"publish-all", "one caller, 100 events a call", publish_all},
        {"process", "a backlog, handlers that do nothing", process},
        {"both", "publishing and processing at once", both},
        {"latency", "from publish to the handler on an idle queue", latency},
        {"latency-apart", "the same, Redis on one core and the program on another", latency_apart},
        {"reading", "pages and counts among many events, Redis's own time", reading},
        {"reading-groups", "the same with two and three groups", reading_groups},
    };
    return all;
}

}  // namespace eventy::bench
