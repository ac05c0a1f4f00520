// eventy publish TYPE [FILE]: one event a line.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>

#include "command.hpp"
#include "event_line.hpp"
#include "line_reader.hpp"
#include "output.hpp"
#include "signals.hpp"
#include "time_words.hpp"

namespace eventy::cli {

namespace {

constexpr std::size_t most_events = 1000;                            // of one publish_all
constexpr std::size_t most_bytes = std::size_t{30} * 1024 * 1024;    // the library's limit is 32 MiB, all told
constexpr std::size_t longest_line = std::size_t{16} * 1024 * 1024;  // a payload's usual limit

struct Publish {
    Common common = {};
    std::string type = {}, file = "-";
    QueueNeeds needs = {};
    PublishOptions event = {};
    std::vector<std::string> headers = {};
    bool keep_going = false;
};

struct Batch {
    std::vector<std::string> payloads = {};
    std::size_t bytes = 0;
    std::int64_t first_line = 0, last_line = 0;
};

/// "stdin:7", "stdin:7-9".
std::string place(const std::string& input, const Batch& batch) {
    const std::string first = input + ":" + std::to_string(batch.first_line);
    return batch.first_line == batch.last_line ? first : first + "-" + std::to_string(batch.last_line);
}

/// Publishes one batch while the next one is being read. One at a time and in order, so that ids rise with the lines.
class Sender {
public:
    /// `input` names in messages what the lines come from.
    Sender(EventQueue<std::string> queue, PublishOptions options, std::string input)
        : queue_(std::move(queue)),
          options_(std::move(options)),
          input_(std::move(input)),
          thread_([this] { serve(); }) {}
    ~Sender() {
        {
            const std::lock_guard lock(mutex_);
            ending_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;

    struct Sent {
        std::int64_t count = 0;
        EventId first_id = 0, last_id = 0;
    };

    /// Waits for the batch before. Throws what that one threw.
    void send(Batch batch) {
        std::unique_lock lock(mutex_);
        wait_until_idle(lock);
        next_ = std::move(batch);
        busy_ = true;
        changed_.notify_all();
    }
    void finish() {
        std::unique_lock lock(mutex_);
        wait_until_idle(lock);
    }
    Sent sent() {
        const std::lock_guard lock(mutex_);
        return sent_;
    }

private:
    void wait_until_idle(std::unique_lock<std::mutex>& lock) {
        changed_.wait(lock, [this] { return !busy_; });
        if (error_) {
            std::rethrow_exception(error_);
        }
    }

    void serve() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return busy_ || ending_; });
            if (!busy_) {
                return;
            }
            Batch batch = std::move(next_);
            lock.unlock();
            std::exception_ptr error;
            Sent sent;
            try {
                const auto events = queue_.publish_all(std::move(batch.payloads), options_);
                sent = {static_cast<std::int64_t>(events.size()), events.front().id, events.back().id};
            } catch (const TimeoutError& timeout) {
                error = std::make_exception_ptr(
                    Failure(std::string(timeout.what()) + "; that concerns " + place(input_, batch)));
            } catch (const ConnectionError&) {
                error = std::current_exception();
            } catch (const Error& refused) {
                error = std::make_exception_ptr(Failure(place(input_, batch) + ": " + refused.what()));
            } catch (...) {
                error = std::current_exception();
            }
            lock.lock();
            error_ = error;
            sent_.first_id = sent_.count == 0 ? sent.first_id : sent_.first_id;
            sent_.last_id = sent.count > 0 ? sent.last_id : sent_.last_id;
            sent_.count += sent.count;
            busy_ = false;
            changed_.notify_all();
        }
    }

    EventQueue<std::string> queue_;
    PublishOptions options_;
    std::string input_;
    std::mutex mutex_;
    std::condition_variable changed_;
    Batch next_;
    bool busy_ = false, ending_ = false;
    std::exception_ptr error_;
    Sent sent_;
    std::thread thread_;
};

/// The file, or stdin.
class Input {
public:
    explicit Input(const std::string& file) : name_(file == "-" ? "stdin" : file) {
        if (file != "-") {
            fd_ = open(file.c_str(), O_RDONLY | O_CLOEXEC);
            if (fd_ < 0) {
                throw UsageError("cannot open " + file + ": " + std::strerror(errno));
            }
        }
        struct stat about{};
        if (fstat(fd_, &about) == 0 && S_ISREG(about.st_mode)) {
            size_ = about.st_size;
        } else if (S_ISDIR(about.st_mode)) {
            close(fd_);
            throw UsageError("cannot read " + file + ": it is a directory");
        }
    }
    ~Input() {
        if (fd_ != STDIN_FILENO) {
            close(fd_);
        }
    }
    Input(const Input&) = delete;
    Input& operator=(const Input&) = delete;

    int fd() const { return fd_; }
    const std::string& name() const { return name_; }
    std::int64_t size() const { return size_; }  // 0: unknown

private:
    std::string name_;
    int fd_ = STDIN_FILENO;
    std::int64_t size_ = 0;
};

class PublishRun {
public:
    explicit PublishRun(const Publish& options)
        : options_(options),
          input_(options.file),
          reader_(input_.fd(), longest_line, signals_.fd()),
          sender_(open_queue(options.common, options.type, options.needs), options.event, input_.name()) {}

    int run() {
        if (input_.fd() == STDIN_FILENO && is_terminal(stdin) && is_terminal(stderr)) {
            complain("reading events from the terminal, one JSON value a line; Ctrl-D ends");
        }
        const auto begin = std::chrono::steady_clock::now();
        begin_ = begin;
        int code = exit_ok;
        try {
            code = read_all();
            flush();
            sender_.finish();
        } catch (...) {
            summary();
            throw;
        }
        summary();
        if (!bad_line_.empty()) {
            complain(bad_line_ + "; stopped there (--keep-going leaves such lines out)");
        }
        return code;
    }

private:
    int read_all() {
        LineReader::Line line;
        for (;;) {
            if (!batch_.payloads.empty() && !reader_.ready()) {
                flush();  // whoever writes the pipe has paused: what is there should not wait for him
            }
            switch (reader_.next(line)) {
                case LineReader::Outcome::end: return bad_lines_ > 0 ? exit_partly : exit_ok;
                case LineReader::Outcome::stopped: return exit_interrupted;
                case LineReader::Outcome::line: break;
            }
            const std::string reason = add(line);
            if (!reason.empty()) {
                ++bad_lines_;
                const std::string message = input_.name() + ":" + std::to_string(line.number) + ": " + reason;
                if (!options_.keep_going) {
                    bad_line_ = message;
                    return exit_usage;
                }
                complain(message);
            }
            progress();
        }
    }

    /// Why not, or empty.
    std::string add(const LineReader::Line& line) {
        const EventLine read = read_event_line(line, longest_line);
        if (read.payload.empty()) {
            return read.refused;
        }
        const std::string_view text = read.payload;
        const std::size_t bytes = text.size() + overhead();
        if (batch_.payloads.size() == most_events || batch_.bytes + bytes > most_bytes) {
            flush();
        }
        if (batch_.payloads.empty()) {
            batch_.first_line = line.number;
        }
        batch_.last_line = line.number;
        batch_.bytes += bytes;
        batch_.payloads.emplace_back(text);
        return {};
    }

    /// What the library counts for an event beside its payload.
    std::size_t overhead() const {
        std::size_t bytes = options_.event.key.size();
        for (const auto& [name, value] : options_.event.headers) {
            bytes += name.size() + value.size() + 8;
        }
        return bytes;
    }

    void flush() {
        if (!batch_.payloads.empty()) {
            sender_.send(std::exchange(batch_, {}));
        }
    }

    double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

    void progress() {
        if (++lines_since_progress_ < 256) {
            return;
        }
        lines_since_progress_ = 0;
        const auto sent = sender_.sent().count;
        progress_.show(reader_.bytes(), input_.size(),
                       grouped(sent) + " published, " +
                           grouped(std::llround(static_cast<double>(sent) / std::max(seconds(), 1e-3))) + "/s");
    }

    void summary() {
        progress_.clear();
        const auto sent = sender_.sent();
        const double took = seconds();
        const auto rate = std::llround(static_cast<double>(sent.count) / std::max(took, 1e-6));
        if (options_.common.json) {
            JsonObject object;
            object.text("type", options_.type).number("published", sent.count);
            object.raw("first_id", sent.count > 0 ? std::to_string(sent.first_id) : "null");
            object.raw("last_id", sent.count > 0 ? std::to_string(sent.last_id) : "null");
            object.number("bad_lines", bad_lines_).raw("seconds", std::to_string(took)).number("per_second", rate);
            print(object.str() + "\n");
        } else if (sent.count == 0) {
            print("published no event of " + options_.type + "\n");
        } else {
            print("published " + grouped(sent.count) + (sent.count == 1 ? " event of " : " events of ") +
                  options_.type + ", ids " + std::to_string(sent.first_id) + " to " + std::to_string(sent.last_id) +
                  ", in " + to_words(milliseconds(std::llround(took * 1000))) + " (" + grouped(rate) + "/s)\n");
        }
        flush_output();
    }

    const Publish& options_;
    Signals signals_;
    Input input_;
    LineReader reader_;
    Sender sender_;
    Batch batch_;
    Progress progress_;
    std::chrono::steady_clock::time_point begin_{};
    std::int64_t bad_lines_ = 0;
    int lines_since_progress_ = 0;
    std::string bad_line_;
};

void parse_headers(Publish& options) {
    for (const auto& header : options.headers) {
        const auto equals = header.find('=');
        if (equals == std::string::npos || equals == 0) {
            throw UsageError("--header " + header + ": write NAME=VALUE");
        }
        options.event.headers[header.substr(0, equals)] = header.substr(equals + 1);
    }
}

}  // namespace

void add_publish(CommandLine& line) {
    auto options = std::make_shared<Publish>();
    CLI::App* const sub = line.add("publish", "Publish events: NDJSON in, one event a line", options->common,
                                   "eventy publish Earthquake earthquakes.ndjson\n"
                                   "echo '{\"magnitude\": 4.2}' | eventy publish Earthquake");
    sub->add_option("TYPE", options->type, "the event type")->required();
    sub->add_option("FILE", options->file, "a file, or - for stdin")->capture_default_str();
    sub->add_flag("--keep-going", options->keep_going, "report bad lines and leave them out; exit code 3");
    add_duration(sub, "--ttl", options->needs.ttl, "how long the events are kept [1d]");
    sub->add_option("--key", options->event.key, "a word that is kept with each event");
    sub->add_option("--header", options->headers, "NAME=VALUE, kept with each event; may be repeated")
        ->allow_extra_args(false);
    sub->callback([&line, options] {
        line.run = [options] {
            parse_headers(*options);
            return PublishRun(*options).run();
        };
    });
}

}  // namespace eventy::cli
