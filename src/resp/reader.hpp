// Bytes from Redis in, replies out.
#pragma once
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "resp/reply.hpp"
#include "resp/size_guard.hpp"

namespace eventy::resp {

/// Parses the replies of one connection's life, whatever pieces they come in. The first problem is final: what came
/// before it is delivered, nothing after it is.
class Reader {
public:
    explicit Reader(ReplyLimits limits = {});
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    /// Appends the replies that these bytes complete. False when there is a problem.
    bool read(std::string_view bytes, std::vector<Reply>& replies);

    const std::optional<ReadProblem>& problem() const { return problem_; }
    /// Whether the bytes so far end inside of a reply.
    bool inside_reply() const { return guard_.inside_reply(); }

private:
    struct Parser;

    bool parse(std::string_view bytes, std::vector<Reply>& replies);

    SizeGuard guard_;
    std::unique_ptr<Parser> parser_;
    std::optional<ReadProblem> problem_ = {};
};

}  // namespace eventy::resp
