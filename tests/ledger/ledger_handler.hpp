// The handler of all groups.
#pragma once
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "ledger/choices.hpp"
#include "ledger/conduct.hpp"
#include "ledger/ledger_file.hpp"
#include "ledger/options.hpp"

namespace eventy::ledger {

/// Does with each event what the seed wants, and writes down what it does.
template <class T>
class LedgerHandler final : public Subscriber<T> {
public:
    LedgerHandler(const Options& options, LedgerFile& ledger, Place where)
        : options_(options), ledger_(ledger), where_(std::move(where)) {}

    void on_event(const QueueEvent<T>& event, Context& context) override {
        const Record about{.where = where_,
                           .token = event.payload.token,
                           .id = event.id,
                           .epoch = context.epoch(),
                           .attempt = context.attempt()};
        write(about, What::start, context.worker_id());
        const std::stop_callback told(context.stop_token(), [&] { write(about, What::told, {}); });
        try {
            handle(about, context);
        } catch (const Retry&) {
            write(about, What::end, "asks for a retry");
            throw;
        } catch (const Reject&) {
            write(about, What::end, "rejects");
            throw;
        } catch (const std::exception& error) {
            write(about, What::end, std::string("throws: ") + error.what());
            throw;
        }
        write(about, What::end, "ok");
    }

private:
    void write(Record record, What what, std::string note) {
        record.what = what;
        record.note = std::move(note);
        ledger_.append(std::move(record));
    }

    void handle(const Record& about, Context& context) {
        using namespace std::chrono_literals;
        const auto drawn = draw(options_.seed, about.token);
        switch (conduct_for(options_.seed, about.token, about.attempt, options_.name, {where_.type, where_.group})) {
            case Conduct::quick: std::this_thread::sleep_for(quick_time(about, drawn)); return;
            case Conduct::slow_to_the_end:
                std::this_thread::sleep_for(std::chrono::milliseconds(400 + drawn / 10000 % 2000));
                return;
            case Conduct::slow: slowly(about, context, std::chrono::milliseconds(100 + drawn / 10000 % 500)); return;
            case Conduct::fails: throw std::runtime_error("as the seed wants it");
            case Conduct::asks_for_retry: throw Retry{std::chrono::milliseconds(drawn % 300), "as the seed wants it"};
            case Conduct::rejects: throw Reject{"as the seed wants it"};
            case Conduct::hangs: hang(context); throw std::runtime_error("was told to stop");
            case Conduct::hangs_deaf: std::this_thread::sleep_for(options_.terms.handler_timeout + 1500ms); return;
            case Conduct::crashes:
            case Conduct::kills_always:
                write(about, What::end, "crashes");
                kill(getpid(), SIGKILL);
                return;
        }
    }

    static std::chrono::milliseconds quick_time(const Record& about, std::uint64_t drawn) {
        using namespace std::chrono_literals;
        return about.token.starts_with(feeder) ? 50ms : std::chrono::milliseconds(drawn % 8);
    }

    void slowly(const Record& about, Context& context, std::chrono::milliseconds half) {
        std::this_thread::sleep_for(half);
        fenced(about, "progress", [&] { context.report_progress(0.5, std::to_string(context.epoch())); });
        std::this_thread::sleep_for(half);
        fenced(about, "extend", [&] { context.extend(options_.terms.lease); });
    }

    template <class Call>
    void fenced(const Record& about, const std::string& name, Call call) {
        write(about, What::fence, name);
        std::string outcome = "accepted";
        try {
            call();
        } catch (const LeaseLost&) {
            outcome = "refused";
        } catch (const Error& error) {
            outcome = std::string("no-answer: ") + error.what();
        }
        write(about, What::fenced, outcome);
    }

    void hang(Context& context) const {
        std::mutex mutex;
        std::condition_variable_any stopped;
        std::unique_lock lock(mutex);
        stopped.wait_for(lock, context.stop_token(), 20 * options_.terms.handler_timeout, [] { return false; });
    }

    const Options& options_;
    LedgerFile& ledger_;
    Place where_;
};

}  // namespace eventy::ledger
