#include "ledger/ledger_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

namespace eventy::ledger {

LedgerFile::LedgerFile(const std::string& path, std::string who)
    : file_(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)), who_(std::move(who)) {
    if (file_ < 0) {
        throw std::system_error(errno, std::generic_category(), "cannot open " + path);
    }
}

LedgerFile::~LedgerFile() { close(file_); }

Record LedgerFile::append(Record record) {
    record.at = steady_micros();
    if (record.who.empty()) {
        record.who = who_;
    }
    store(to_line(record) + '\n');
    return record;
}

void LedgerFile::append_all(std::vector<Record> records) {
    const Micros now = steady_micros();
    std::string lines;
    for (auto& record : records) {
        record.at = now;
        if (record.who.empty()) {
            record.who = who_;
        }
        lines += to_line(record) + '\n';
    }
    store(lines);
}

void LedgerFile::store(const std::string& lines) {
    if (write(file_, lines.data(), lines.size()) != static_cast<ssize_t>(lines.size()) || fdatasync(file_) != 0) {
        throw std::system_error(errno, std::generic_category(), "cannot write to the ledger of " + who_);
    }
}

std::vector<Record> read_ledger(const std::string& folder) {
    std::vector<Record> records;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() != ".ledger") {
            continue;
        }
        std::ifstream file(entry.path());
        std::string line;
        while (std::getline(file, line)) {
            if (auto record = parse_line(line)) {
                records.push_back(std::move(*record));
            }
        }
    }
    sort_by_time(records);
    return records;
}

}  // namespace eventy::ledger
