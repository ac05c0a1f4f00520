// What one line of NDJSON is to `eventy publish`.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "line_reader.hpp"

namespace eventy::cli {

struct EventLine {
    std::string_view payload = {};  // of the event, in the line's own text; empty: the line is blank, or refused
    std::string refused = {};       // why, or empty
};

/// `longest` is the one of the reader, for the message.
EventLine read_event_line(const LineReader::Line&, std::size_t longest);

}  // namespace eventy::cli
