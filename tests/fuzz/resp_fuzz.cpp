// Bytes from Redis: whatever comes, in whatever pieces.
#include <algorithm>

#include "fuzz/target.hpp"
#include "resp/reader.hpp"
#include "resp/writer.hpp"

namespace eventy::fuzz {
namespace {

using resp::Reader;
using resp::Reply;
using resp::ReplyLimits;

constexpr ReplyLimits tight{.line_bytes = 8, .bulk_bytes = 16, .elements = 6, .total_bytes = 64, .depth = 3};

struct Outcome {
    std::vector<Reply> replies = {};
    bool problem = false, too_large = false, inside = false;
};

Outcome read(const std::vector<std::string_view>& pieces, const ReplyLimits& limits) {
    Reader reader(limits);
    Outcome outcome;
    for (const auto piece : pieces) {
        const bool before = outcome.problem;
        const std::size_t count = outcome.replies.size();
        outcome.problem = !reader.read(piece, outcome.replies);
        require(!before || (outcome.problem && outcome.replies.size() == count), "the first problem is final");
    }
    outcome.problem = reader.problem().has_value();
    outcome.too_large = outcome.problem && reader.problem()->too_large;
    require(!outcome.problem || is_one_line(reader.problem()->message), "a problem is said in one line");
    outcome.inside = !outcome.problem && reader.inside_reply();
    return outcome;
}

void require_same(const Reply& a, const Reply& b, const std::string& what) {
    require(a.kind == b.kind && a.text == b.text && a.integer == b.integer && a.items.size() == b.items.size(), what);
    for (std::size_t i = 0; i < a.items.size(); ++i) {
        require_same(a.items[i], b.items[i], what);
    }
}

void require_same(const Outcome& a, const Outcome& b, const std::string& what) {
    require(a.replies.size() == b.replies.size() && a.problem == b.problem && a.too_large == b.too_large &&
                a.inside == b.inside,
            what);
    for (std::size_t i = 0; i < a.replies.size(); ++i) {
        require_same(a.replies[i], b.replies[i], what);
    }
}

struct Measure {
    std::int64_t elements = 0, bytes = 0;
    std::size_t depth = 0;
};

Measure measure(const Reply& reply, const ReplyLimits& limits) {
    Measure sum;
    const auto size = static_cast<std::int64_t>(reply.text.size());
    const bool bulk = reply.kind == Reply::Kind::text;
    require(size <= (bulk ? limits.bulk_bytes : limits.line_bytes), "no string or line over its limit");
    sum.bytes = size + 1;
    for (const Reply& item : reply.items) {
        const Measure one = measure(item, limits);
        sum.elements += one.elements + 1;
        sum.bytes += one.bytes;
        sum.depth = std::max(sum.depth, one.depth);
    }
    sum.depth += reply.kind == Reply::Kind::array ? 1 : 0;
    return sum;
}

void require_within(const Outcome& outcome, const ReplyLimits& limits) {
    for (const Reply& reply : outcome.replies) {
        const Measure sum = measure(reply, limits);
        require(sum.elements <= limits.elements, "not more elements than the limit");
        require(sum.depth <= limits.depth, "not deeper than the limit");
        require(sum.elements == 0 || sum.bytes <= limits.total_bytes, "not more bytes than the limit");
    }
}

void write(const Reply& reply, std::string& out) {
    const auto line = [&](char type, const std::string& text) { out.append(1, type).append(text).append("\r\n"); };
    switch (reply.kind) {
        case Reply::Kind::nil: line('$', "-1"); break;
        case Reply::Kind::status: line('+', reply.text); break;
        case Reply::Kind::error: line('-', reply.text); break;
        case Reply::Kind::integer: line(':', std::to_string(reply.integer)); break;
        case Reply::Kind::text: line('$', std::to_string(reply.text.size()) + "\r\n" + reply.text); break;
        case Reply::Kind::array: line('*', std::to_string(reply.items.size())); break;
    }
    for (const Reply& item : reply.items) {
        write(item, out);
    }
}

void require_round_trip(const Outcome& outcome) {
    std::string bytes;
    for (const Reply& reply : outcome.replies) {
        write(reply, bytes);
    }
    Outcome expected;
    expected.replies = outcome.replies;
    require_same(read({bytes}, {}), expected, "what was read and written again reads the same");
}

void require_commands_read(std::string_view input) {
    const auto words = split(input, ' ');
    std::string wire;
    resp::append_command(wire, words);
    const Outcome outcome = read(pieces_of(wire, 8), {});
    require(outcome.replies.size() == 1 && !outcome.problem && !outcome.inside, "a command is one array");
    require(outcome.replies[0].items.size() == words.size(), "of all its words");
    for (std::size_t i = 0; i < words.size(); ++i) {
        require(outcome.replies[0].items[i].kind == Reply::Kind::text && outcome.replies[0].items[i].text == words[i],
                "which are the same");
    }
}

}  // namespace
}  // namespace eventy::fuzz

EVENTY_FUZZ_TARGET(resp) {
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < input.size(); ++i) {
        bytes.push_back(input.substr(i, 1));
    }
    for (const ReplyLimits& limits : {ReplyLimits{}, tight}) {
        const Outcome whole = read({input}, limits);
        require_same(read(bytes, limits), whole, "byte by byte it is the same");
        require_same(read(pieces_of(input, 8), limits), whole, "in pieces it is the same");
        require_within(whole, limits);
        require_round_trip(whole);
    }
    require_commands_read(input);
}
