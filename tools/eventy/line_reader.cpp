#include "line_reader.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace eventy::cli {

namespace {

constexpr std::size_t chunk = std::size_t{128} * 1024;

}  // namespace

LineReader::Fill LineReader::fill(bool wait) {
    if (ended_) {
        return Fill::end;
    }
    std::array<pollfd, 2> fds{{{fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}}};
    while (poll(fds.data(), fds.size(), wait ? -1 : 0) < 0) {
        if (errno != EINTR) {
            throw std::system_error(errno, std::generic_category(), "poll");
        }
    }
    if ((fds[1].revents & POLLIN) != 0) {
        return Fill::stopped;
    }
    if (fds[0].revents == 0) {
        return Fill::nothing_yet;
    }
    if (begin_ > 0) {
        buffer_.erase(0, begin_);
        searched_ -= begin_;
        begin_ = 0;
    }
    const std::size_t size = buffer_.size();
    buffer_.resize(size + chunk);
    const ssize_t count = read(fd_, buffer_.data() + size, chunk);
    const int error = errno;
    buffer_.resize(size + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0) {
        if (error == EINTR || error == EAGAIN) {
            return Fill::more;
        }
        throw std::system_error(error, std::generic_category(), "read");
    }
    bytes_ += count;
    ended_ = count == 0;
    return Fill::more;
}

bool LineReader::find_line(Line& line) {
    const auto newline = buffer_.find('\n', searched_);
    const bool whole = newline != std::string::npos;
    if (!whole && !(ended_ && (begin_ < buffer_.size() || skipping_))) {
        if (buffer_.size() - begin_ > longest_ + 1) {  // the one more may be the '\r' of its end
            // Nobody wants it: keep nothing of it, but its end has to be found.
            skipping_ = true;
            buffer_.clear();
            begin_ = 0;
        }
        searched_ = buffer_.size();
        return false;
    }
    const std::size_t end = whole ? newline : buffer_.size();
    std::string_view text = std::string_view(buffer_).substr(begin_, end - begin_);
    begin_ = searched_ = whole ? end + 1 : end;
    if (text.ends_with('\r')) {
        text.remove_suffix(1);
    }
    const bool too_long = skipping_ || text.size() > longest_;
    skipping_ = false;
    line = {++number_, too_long ? std::string_view() : text, too_long};
    return true;
}

LineReader::Outcome LineReader::next(Line& line) {
    while (!find_line(line)) {
        switch (fill(true)) {
            case Fill::end: return Outcome::end;
            case Fill::stopped: return Outcome::stopped;
            case Fill::more:
            case Fill::nothing_yet: break;
        }
    }
    return Outcome::line;
}

bool LineReader::ready() {
    for (;;) {
        if (buffer_.find('\n', searched_) != std::string::npos) {
            return true;
        }
        searched_ = buffer_.size();
        if (buffer_.size() - begin_ > longest_ + 1) {
            return true;  // next() throws its beginning away, and waits for its end
        }
        switch (fill(false)) {
            case Fill::more: break;
            case Fill::nothing_yet: return false;
            case Fill::end:
            case Fill::stopped: return true;
        }
    }
}

}  // namespace eventy::cli
