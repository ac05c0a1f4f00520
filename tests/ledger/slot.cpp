#include "ledger/slot.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <utility>

namespace eventy::ledger {

Slot::Slot(std::string name, const SlotTerms& terms, LedgerFile& ledger)
    : name_(std::move(name)), terms_(terms), ledger_(ledger) {
    for (const int port : terms_.redis_ports) {
        ways_.push_back({std::make_unique<test::TcpProxy>(port)});
    }
}

void Slot::write(What what, std::string note, int server) {
    ledger_.append({.who = process_name(),
                    .what = what,
                    .where = {.server = server == 0 ? "" : name_of_server(server)},
                    .note = std::move(note)});
}

/// The events that processes of this slot began to publish.
int Slot::published_so_far() const {
    int most = 0;
    for (int life = 1; life <= life_; ++life) {
        std::ifstream file(terms_.folder + "/" + name_ + '.' + std::to_string(life) + ".ledger");
        std::string line;
        while (std::getline(file, line)) {
            if (const auto record = parse_line(line); record && record->what == What::intend) {
                most = std::max(most, std::stoi(record->token.substr(record->token.find('-') + 1)));
            }
        }
    }
    return most;
}

void Slot::spawn() {
    if (process_ || done_) {
        return;
    }
    const Options& options = terms_.options;
    const int published = is_publisher() ? published_so_far() : 0;
    ++life_;
    std::vector<std::string> words = {"--role",        is_publisher() ? "publisher" : "worker",
                                      "--name",        process_name(),
                                      "--folder",      terms_.folder,
                                      "--seed",        std::to_string(options.seed),
                                      "--seconds",     std::to_string(options.seconds),
                                      "--events",      std::to_string(options.events),
                                      "--publishers",  std::to_string(options.publishers),
                                      "--fsync",       options.everysec ? "everysec" : "always",
                                      "--lease-ms",    std::to_string(options.terms.lease.count()),
                                      "--rests-until", std::to_string(terms_.rests_until)};
    for (const auto& way : ways_) {
        words.insert(words.end(), {"--port", std::to_string(way.proxy->port())});
    }
    if (is_publisher()) {
        const int share = options.events / options.publishers;
        words.insert(words.end(), {"--first", std::to_string(published + 1), "--count",
                                   std::to_string(std::max(share - published, 0))});
    }
    process_ = std::make_unique<RoleProcess>(words, terms_.folder + "/" + process_name() + ".log");
    write(What::spawned, std::to_string(process_->pid()));
}

bool Slot::reap() {
    const auto how = process_ ? process_->ended() : std::nullopt;
    if (!how) {
        return false;
    }
    write(What::exited, *how);
    for (int server = 1; server <= static_cast<int>(ways_.size()); ++server) {
        let_flow(server);
    }
    stopped_ = false;
    process_.reset();
    done_ = is_publisher() && *how == "status 0";
    return !done_;
}

void Slot::kill9() {
    if (process_) {
        write(What::killed);
        process_->signal(SIGKILL);
    }
}

void Slot::terminate(const std::string& why) {
    if (process_ && !stopped_ && !is_publisher()) {
        write(What::terminated, why);
        process_->signal(SIGTERM);
    }
}

void Slot::cut(int server) {
    if (process_) {
        write(What::cut, {}, server);
        way_to(server).proxy->cut();
    }
}

std::optional<int> Slot::stop() {
    if (!process_ || stopped_) {
        return std::nullopt;
    }
    write(What::stopped);
    process_->signal(SIGSTOP);
    stopped_ = true;
    return life_;
}

void Slot::go_on(int life) {
    if (process_ && stopped_ && life == life_) {
        process_->signal(SIGCONT);
        write(What::continued);
        stopped_ = false;
    }
}

std::optional<int> Slot::hold(int server, bool requests, bool replies) {
    Way& way = way_to(server);
    if (!process_ || way.held) {
        return std::nullopt;
    }
    const bool both = requests && replies;
    write(both ? What::stalled : What::silenced, both ? "" : requests ? "requests" : "replies", server);
    way.proxy->hold(requests, replies);
    way.held = true;
    return life_;
}

void Slot::flow(int server, int life) {
    if (life == life_) {
        let_flow(server);
    }
}

void Slot::let_flow(int server) {
    Way& way = way_to(server);
    if (way.held) {
        way.proxy->flow();
        write(What::flowing, {}, server);
        way.held = false;
    }
}

}  // namespace eventy::ledger
