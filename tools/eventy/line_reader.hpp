// Lines of a file or pipe of any size.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace eventy::cli {

/// Reads a descriptor in chunks and gives it out line by line; never holds more than a chunk and the longest line. Line
/// ends are "\n" or "\r\n"; the last line needs none.
class LineReader {
public:
    /// `stop_fd`: reading ends once it is readable; -1: none. The descriptors stay the caller's.
    LineReader(int fd, std::size_t longest, int stop_fd = -1) : fd_(fd), stop_fd_(stop_fd), longest_(longest) {}

    struct Line {
        std::int64_t number = 0;     // from 1
        std::string_view text = {};  // good until the next call; empty when the line was too long
        bool too_long = false;
    };
    enum class Outcome { line, end, stopped };
    /// Waits for input. Throws std::system_error.
    Outcome next(Line&);

    /// Whether `next` would answer without waiting.
    bool ready();

    std::int64_t bytes() const { return bytes_; }

private:
    enum class Fill { more, end, stopped, nothing_yet };
    Fill fill(bool wait);
    bool find_line(Line&);

    int fd_, stop_fd_;
    std::size_t longest_;
    std::string buffer_;
    std::size_t begin_ = 0, searched_ = 0;
    std::int64_t number_ = 0, bytes_ = 0;
    bool ended_ = false, skipping_ = false;
};

}  // namespace eventy::cli
