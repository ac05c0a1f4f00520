#include "command.hpp"

#include <cstdint>
#include <eventy/log.hpp>
#include <eventy/serializer.hpp>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>

#include "output.hpp"
#include "time_words.hpp"

namespace eventy::cli {

namespace {

/// Every example line starts with two spaces: what reads the help can find them by that.
std::string footer(const std::string& examples) {
    std::string text = "Examples:\n";
    std::size_t begin = 0;
    while (begin < examples.size()) {
        const auto end = std::min(examples.find('\n', begin), examples.size());
        text += "  " + examples.substr(begin, end - begin) + "\n";
        begin = end + 1;
    }
    text.pop_back();
    return text;
}

/// While it lives, warnings of the library are kept; they are shown in the end, unless an exception ends it: that one
/// says why.
class KeptWarnings {
public:
    KeptWarnings() {
        set_logger([kept = kept_](LogLevel level, std::string_view message) {
            if (level >= LogLevel::warning) {
                const std::lock_guard lock(kept->mutex);
                kept->lines.push_back((level == LogLevel::warning ? "warning: " : "error: ") + std::string(message));
            }
        });
    }
    ~KeptWarnings() {
        set_logger(nullptr);
        const std::lock_guard lock(kept_->mutex);
        for (const std::string& line : kept_->lines) {
            if (std::uncaught_exceptions() == exceptions_) {
                complain(line);
            }
        }
    }
    KeptWarnings(const KeptWarnings&) = delete;
    KeptWarnings& operator=(const KeptWarnings&) = delete;

private:
    struct Kept {
        std::mutex mutex;
        std::vector<std::string> lines = {};
    };
    const int exceptions_ = std::uncaught_exceptions();
    const std::shared_ptr<Kept> kept_ = std::make_shared<Kept>();
};

std::shared_ptr<redis::Client> open_client(const Common& common) {
    auto options = redis::ClientOptions::from_url(common.url);
    options.connect_timeout = common.timeout;
    options.command_timeout = common.timeout;
    options.client_name = "eventy-command";
    return std::make_shared<redis::Client>(std::move(options));
}

}  // namespace

QueueManager open_manager(const Common& common) {
    const KeptWarnings warnings;
    return RedisQueueManager({.redis_client = open_client(common), .key_prefix = common.prefix});
}

EventQueue<std::string> open_queue(const Common& common, const std::string& type, const QueueNeeds& needs) {
    const KeptWarnings warnings;
    return RedisEventQueue<std::string>({.event_type = type,
                                         .redis_client = open_client(common),
                                         .serializer = std::make_shared<const RawSerializer>(),
                                         .key_prefix = common.prefix,
                                         .event_ttl = needs.ttl,
                                         .concurrency = needs.concurrency,
                                         .lease = needs.lease,
                                         .retry = needs.retry,
                                         .handler_timeout = needs.handler_timeout,
                                         // As much as any program may have published under a limit of its own.
                                         .max_payload_bytes = std::int64_t{32} * 1024 * 1024});
}

CLI::App* CommandLine::add(const std::string& name, const std::string& what, Common& common,
                           const std::string& examples, const std::string& notes, bool prints_data) {
    CLI::App* const sub = app.add_subcommand(name, what);
    sub->footer((notes.empty() ? "" : notes + "\n\n") + footer(examples));
    sub->add_option("--url", common.url, "Redis: redis://[[user]:password@]host[:port][/db] or unix:///path")
        ->envname("EVENTY_REDIS_URL")
        ->capture_default_str();
    sub->add_option("--prefix", common.prefix, "what every key begins with")
        ->envname("EVENTY_KEY_PREFIX")
        ->capture_default_str();
    add_duration(sub, "--timeout", common.timeout, "how long to wait for the server [5s]");
    if (prints_data) {
        sub->add_flag("--json", common.json, "print JSON, one object a line");
    }
    return sub;
}

CLI::Validator positive() {
    // Not CLI::PositiveNumber, whose messages write out the largest double. What is too large is read as the largest.
    CLI::Validator validator = CLI::Range(std::int64_t{1}, std::numeric_limits<std::int64_t>::max() - 1);
    return validator.description("POSITIVE");
}

CLI::Option* add_duration(CLI::App* app, const std::string& name, milliseconds& value, const std::string& what) {
    return app
        ->add_option_function<std::string>(
            name,
            [&value, name](const std::string& text) {
                const auto parsed = parse_duration(text);
                if (!parsed) {
                    throw CLI::ValidationError(name,
                                               "\"" + text + "\" is no duration: write 500ms, 10s, 15m, 2h or 1d");
                }
                value = *parsed;
            },
            what)
        ->type_name("DURATION");
}

CLI::Option* add_time(CLI::App* app, const std::string& name, std::optional<Timestamp>& value,
                      const std::string& what) {
    return app
        ->add_option_function<std::string>(
            name,
            [&value, name](const std::string& text) {
                value = parse_time(text, now());
                if (!value) {
                    throw CLI::ValidationError(
                        name, "\"" + text + "\" is no time: write 2018-02-07T01:26:41Z, 2018-02-07, -15m or now");
                }
            },
            what)
        ->type_name("TIME");
}

CLI::Option* add_status(CLI::App* app, const std::string& name, std::optional<EventStatus>& value,
                        const std::string& what) {
    return app
        ->add_option_function<std::string>(
            name,
            [&value, name](const std::string& text) {
                std::string upper = text;
                for (char& c : upper) {
                    c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
                }
                value = parse_event_status(upper);
                if (!value) {
                    throw CLI::ValidationError(
                        name, "\"" + text + "\" is no status: write pending, processing, processed or error");
                }
            },
            what)
        ->type_name("STATUS");
}

}  // namespace eventy::cli
