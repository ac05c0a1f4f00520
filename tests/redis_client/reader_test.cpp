#include "resp/reader.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "resp/writer.hpp"

namespace eventy::resp {
namespace {

using namespace std::string_literals;
using Kind = Reply::Kind;

std::string to_text(const Reply& reply) {
    switch (reply.kind) {
        case Kind::nil: return "nil";
        case Kind::status: return "+" + reply.text;
        case Kind::error: return "-" + reply.text;
        case Kind::integer: return std::to_string(reply.integer);
        case Kind::text: return "'" + reply.text + "'";
        case Kind::array: break;
    }
    std::string text = "[";
    for (const auto& item : reply.items) {
        text += to_text(item) + ",";
    }
    return text + "]";
}

struct Outcome {
    std::string replies = {};
    std::optional<ReadProblem> problem = {};
    bool inside_reply = false;
};

Outcome read(std::string_view bytes, std::size_t piece = std::string::npos, ReplyLimits limits = {}) {
    Reader reader(limits);
    std::vector<Reply> replies;
    for (std::size_t at = 0; at < bytes.size(); at += std::min(piece, bytes.size() - at)) {
        reader.read(bytes.substr(at, piece), replies);
    }
    Outcome outcome{{}, reader.problem(), reader.inside_reply()};
    for (const auto& reply : replies) {
        outcome.replies += to_text(reply) + " ";
    }
    return outcome;
}

const std::string every_kind =
    "+OK\r\n-ERR "
    "no\r\n:-42\r\n:9223372036854775807\r\n:-9223372036854775808\r\n$5\r\nhello\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n"
    "*3\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n+x\r\n$4\r\n\r\n\r\n\r\n+a\rb\nc\r\r\n";
const std::string every_kind_read =
    "+OK -ERR no -42 9223372036854775807 -9223372036854775808 'hello' '' nil nil [] ['a',[1,nil,],+x,] '\r\n\r\n' "
    "+a\rb\nc\r ";

std::string nested(int depth) {
    std::string bytes;
    for (int i = 0; i < depth; ++i) {
        bytes += "*1\r\n";
    }
    return bytes + ":1\r\n";
}

TEST(Reader, ReadsEveryKindInPiecesOfEverySize) {
    for (std::size_t piece = 1; piece <= every_kind.size(); ++piece) {
        const auto outcome = read(every_kind, piece);
        ASSERT_FALSE(outcome.problem) << outcome.problem->message;
        ASSERT_EQ(outcome.replies, every_kind_read) << "in pieces of " << piece;
        ASSERT_FALSE(outcome.inside_reply);
    }
}

TEST(Reader, DeliversWhatIsCompleteOfATruncatedStream) {
    for (std::size_t length = 0; length <= every_kind.size(); ++length) {
        const auto outcome = read(std::string_view(every_kind).substr(0, length));
        ASSERT_FALSE(outcome.problem) << "cut at " << length << ": " << outcome.problem->message;
        ASSERT_TRUE(every_kind_read.starts_with(outcome.replies)) << "cut at " << length << ": " << outcome.replies;
    }
    EXPECT_TRUE(read("$5\r\nhel").inside_reply);
    EXPECT_TRUE(read("*2\r\n:1\r\n").inside_reply);
    EXPECT_TRUE(read("+").inside_reply);
}

TEST(Reader, SurvivesEveryByteBeingAnyOther) {
    int problems = 0;
    for (std::size_t at = 0; at < every_kind.size(); ++at) {
        for (int value = 0; value < 256; ++value) {
            auto bytes = every_kind;
            bytes[at] = static_cast<char>(value);
            const auto whole = read(bytes);
            const auto split = read(bytes, 3);
            ASSERT_EQ(whole.replies, split.replies) << "byte " << at << " = " << value;
            ASSERT_EQ(whole.problem.has_value(), split.problem.has_value()) << "byte " << at << " = " << value;
            problems += whole.problem ? 1 : 0;
        }
    }
    EXPECT_GT(problems, 1000);
}

TEST(Reader, SurvivesNonsense) {
    std::mt19937 random(20260101);
    const std::string alphabet = "+-:$*0123456789\r\nab\0\xff";
    for (int round = 0; round < 20000; ++round) {
        std::string bytes;
        for (auto length = random() % 60; length > 0; --length) {
            bytes.push_back(alphabet[random() % alphabet.size()]);
        }
        const auto whole = read(bytes);
        const auto split = read(bytes, 1);
        ASSERT_EQ(whole.replies, split.replies) << bytes;
        ASSERT_EQ(whole.problem.has_value(), split.problem.has_value()) << bytes;
    }
}

TEST(Reader, KeepsWhatCameBeforeTheProblemAndNothingAfter) {
    Reader reader;
    std::vector<Reply> replies;
    EXPECT_FALSE(reader.read("+OK\r\n:1\r\nHTTP/1.1 400 Bad Request\r\n+OK\r\n", replies));
    EXPECT_EQ(replies.size(), 2U);
    ASSERT_TRUE(reader.problem());
    EXPECT_FALSE(reader.problem()->too_large);
    EXPECT_EQ(reader.problem()->message, "expected a reply, got 'HTTP/1.1 400 Bad Request..+OK..'");
    EXPECT_FALSE(reader.read("+OK\r\n", replies));
    EXPECT_EQ(replies.size(), 2U);
}

TEST(Reader, RefusesLengthsThatAreNone) {
    for (const auto* const bytes : {"$\r\n",
                                    "$abc\r\n",
                                    "$-2\r\n",
                                    "$--1\r\n",
                                    "$01\r\n",
                                    "$-\r\n",
                                    "$1 \r\n",
                                    "$1\n",
                                    "$1\rx",
                                    "*x\r\n",
                                    "*-5\r\n",
                                    "$99999999999999999999\r\n",
                                    "$999999999999999999999999\r\n",
                                    ":12x\r\n",
                                    ":\r\n",
                                    ":99999999999999999999\r\n",
                                    ":123456789012345678901234567890\r\n",
                                    "$1\r\nab\r\n",
                                    "$1\r\na\nb",
                                    "$1\r\na\rb"}) {
        const auto outcome = read(bytes);
        ASSERT_TRUE(outcome.problem) << bytes;
        EXPECT_FALSE(outcome.problem->too_large) << bytes;
        EXPECT_EQ(outcome.replies, "") << bytes;
    }
}

TEST(Reader, ReadsArraysEightDeepAndNoDeeper) {
    EXPECT_EQ(read(nested(8)).replies, "[[[[[[[[1,],],],],],],],] ");
    const auto outcome = read(nested(9));
    ASSERT_TRUE(outcome.problem);
    EXPECT_TRUE(outcome.problem->too_large);
    EXPECT_EQ(outcome.problem->message, "arrays nested over 8 deep");
    EXPECT_TRUE(read(nested(100000)).problem);
}

TEST(Reader, RefusesSizesBeforeTheBytesCome) {
    ReplyLimits limits;
    limits.bulk_bytes = 10;
    limits.elements = 4;
    limits.line_bytes = 6;
    limits.total_bytes = 40;
    const auto problem = [&](std::string_view bytes) {
        const auto outcome = read(bytes, 1, limits);
        return !outcome.problem ? "" : outcome.problem->too_large ? outcome.problem->message : "not too large";
    };
    EXPECT_EQ(problem("$10\r\n0123456789\r\n"), "");
    EXPECT_EQ(problem("$11\r\n"), "a string of 11 bytes");
    EXPECT_EQ(problem("$9223372036854775807\r\n"), "a string of 9223372036854775807 bytes");
    EXPECT_EQ(problem("*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n"), "");
    EXPECT_EQ(problem("*5\r\n"), "arrays of over 4 elements");
    EXPECT_EQ(problem("*9223372036854775807\r\n"), "arrays of over 4 elements");
    EXPECT_EQ(problem("*2\r\n*1\r\n:1\r\n*2\r\n"), "arrays of over 4 elements");
    EXPECT_EQ(problem("+123456\r\n"), "");
    EXPECT_EQ(problem("+1234567\r\n"), "a line of over 6 bytes");
    EXPECT_EQ(problem("*4\r\n$9\r\n123456789\r\n$9\r\n123456789\r\n$9\r\n"), "a reply of over 40 bytes");
    // Limits are for one reply, not for all of them.
    EXPECT_EQ(problem("*3\r\n:1\r\n:1\r\n:1\r\n*3\r\n:1\r\n:1\r\n:1\r\n$10\r\n0123456789\r\n$10\r\n0123456789\r\n"),
              "");
}

TEST(Reader, ReadsLargeRepliesWhole) {
    const std::string body(3'000'000, 'x');
    const auto bytes = "*2\r\n$3000000\r\n" + body + "\r\n$3000000\r\n" + body + "\r\n+next\r\n";
    Reader reader;
    std::vector<Reply> replies;
    for (std::size_t at = 0; at < bytes.size(); at += 65536) {
        ASSERT_TRUE(reader.read(std::string_view(bytes).substr(at, 65536), replies));
    }
    ASSERT_EQ(replies.size(), 2U);
    EXPECT_EQ(replies[0].items[1].text, body);
    EXPECT_EQ(replies[1].text, "next");
}

TEST(Reply, KnowsItsErrorCode) {
    Reply reply{Kind::error, "NOSCRIPT No matching script", 0, {}};
    EXPECT_TRUE(reply.is_error("NOSCRIPT"));
    EXPECT_FALSE(reply.is_error("NOSCRIP"));
    EXPECT_FALSE(reply.is_error("NOSCRIPTS"));
    reply.kind = Kind::status;
    EXPECT_FALSE(reply.is_error("NOSCRIPT"));
}

TEST(Writer, WritesAnyBytes) {
    std::string out = "+";
    const std::string_view args[] = {"SET", std::string_view("a\0\r\n", 4), ""};
    append_command(out, args);
    EXPECT_EQ(out, "+*3\r\n$3\r\nSET\r\n$4\r\na\0\r\n\r\n$0\r\n\r\n"s);
}

}  // namespace
}  // namespace eventy::resp
