// The file that one process appends to. What it wrote outlives it.
#pragma once
#include <string>
#include <vector>

#include "ledger/record.hpp"

namespace eventy::ledger {

/// Each record is one write with O_APPEND and is on the disk (fdatasync) when `append` returns. Thread-safe. Throws
/// std::system_error.
class LedgerFile {
public:
    LedgerFile(const std::string& path, std::string who);
    ~LedgerFile();
    LedgerFile(const LedgerFile&) = delete;
    LedgerFile& operator=(const LedgerFile&) = delete;

    /// Fills in the time, and `who` where it is empty. Returns the record as it was written.
    Record append(Record);
    /// All in one write, with one time.
    void append_all(std::vector<Record>);

private:
    void store(const std::string& lines);

    int file_;
    std::string who_;
};

/// All whole lines of all files *.ledger of the folder, by time.
std::vector<Record> read_ledger(const std::string& folder);

}  // namespace eventy::ledger
