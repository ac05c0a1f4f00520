// Lines of `eventy publish`: in whatever pieces a pipe brings them.
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "event_line.hpp"
#include "fuzz/target.hpp"
#include "line_reader.hpp"

namespace eventy::fuzz {
namespace {

using cli::LineReader;

struct Line {
    std::string text;
    bool too_long;
    friend bool operator==(const Line&, const Line&) = default;
};

/// What LineReader promises, said in the plainest way.
std::vector<Line> lines_of(std::string_view input, std::size_t longest) {
    std::vector<Line> lines;
    auto parts = split(input, '\n');
    if (parts.back().empty()) {
        parts.pop_back();
    }
    for (auto part : parts) {
        if (part.ends_with('\r')) {
            part.remove_suffix(1);
        }
        const bool too_long = part.size() > longest;
        lines.push_back({too_long ? std::string() : std::string(part), too_long});
    }
    return lines;
}

/// Ends that give out each piece as one read.
class Pieces {
public:
    explicit Pieces(const std::vector<std::string_view>& pieces) {
        require(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends_) == 0, "a pair of sockets");
        for (const auto piece : pieces) {
            require(::send(ends_[1], piece.data(), piece.size(), MSG_DONTWAIT) == static_cast<ssize_t>(piece.size()),
                    "room for the input");
        }
        ::shutdown(ends_[1], SHUT_WR);
    }
    ~Pieces() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    Pieces(const Pieces&) = delete;
    Pieces& operator=(const Pieces&) = delete;

    int end() const { return ends_[0]; }

private:
    int ends_[2] = {};
};

void require_lines(const std::vector<std::string_view>& pieces, std::size_t longest,
                   const std::vector<Line>& expected) {
    const Pieces ends(pieces);
    LineReader reader(ends.end(), longest);
    LineReader::Line line;
    std::size_t count = 0;
    for (; reader.next(line) == LineReader::Outcome::line; ++count) {
        require(count < expected.size() && Line{std::string(line.text), line.too_long} == expected[count],
                "line " + std::to_string(count + 1) + " of longest " + std::to_string(longest));
        require(line.number == static_cast<std::int64_t>(count) + 1, "lines are numbered from 1");
        require(count % 2 == 0 || reader.ready(), "all is there: nothing to wait for");
    }
    require(count == expected.size(), "every line comes");
    require(reader.next(line) == LineReader::Outcome::end, "the end stays the end");
}

void check_line(std::string_view text, std::int64_t number) {
    const auto line = cli::read_event_line({number, text, false}, 1000);
    if (!line.refused.empty()) {
        require(line.payload.empty() && is_one_line(line.refused), "why not, in one line: " + line.refused);
    } else if (!line.payload.empty()) {
        require(nlohmann::json::accept(line.payload), "what is published is JSON");
        require(text.ends_with(line.payload), "as it stands in the line");
    }
}

}  // namespace
}  // namespace eventy::fuzz

EVENTY_FUZZ_TARGET(ndjson) {
    if (input.size() > 64 * 1024) {
        return;
    }
    // Each piece costs a chunk of the reader.
    require_lines(pieces_of(input, 6), 8, lines_of(input, 8));
    require_lines(pieces_of(input, 1), 64, lines_of(input, 64));
    std::int64_t number = 0;
    for (const auto& line : lines_of(input, input.size())) {
        check_line(line.text, ++number);
    }
}
