// Who settled what, as Redis wrote it down: an event's hash keeps only what the last group did.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace eventy::ledger {

/// An end of an event in a group that a worker stored: PROCESSED, or ERROR.
struct Settle {
    std::string status = {}, worker = {};

    bool operator==(const Settle&) const = default;
};

/// By the key of the event's hash, and then by group, in the order in which they happened.
using Settles = std::map<std::string, std::map<std::string, std::vector<Settle>>, std::less<>>;

/// Of the text of an append-only file; what is cut off at its end is left out.
Settles parse_settles(std::string_view text);

/// Throws std::runtime_error.
Settles read_settles(const std::string& file);

}  // namespace eventy::ledger
