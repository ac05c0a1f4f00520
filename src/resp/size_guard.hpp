// Looks at the bytes of replies before the parser does, because the parser believes every size it is told.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eventy::resp {

/// The most that one reply may have. More is refused before anything is allocated for it.
struct ReplyLimits {
    std::int64_t line_bytes = 64 * 1024;                          // a status or error
    std::int64_t bulk_bytes = 512LL * 1024 * 1024 + 1024 * 1024;  // Redis's own limit for a string, and some slack
    std::int64_t elements = 1024 * 1024;                          // of all its arrays together
    std::int64_t total_bytes = 1024LL * 1024 * 1024;              // on the wire
    std::size_t depth = 8;                                        // arrays in arrays; hiredis 0.14 can do no more
};

/// Why bytes were refused: they are too much, or they are no RESP.
struct ReadProblem {
    bool too_large = false;
    std::string message = {};
};

/// Follows the structure of a stream of replies, whatever pieces it comes in, and stops at the first byte that breaks
/// it or a limit.
class SizeGuard {
public:
    explicit SizeGuard(ReplyLimits limits = {}) : limits_(limits) {}

    /// How many of these bytes are fit to be parsed; fewer than all of them exactly when there is a problem now.
    std::size_t pass(std::string_view bytes);

    const std::optional<ReadProblem>& problem() const { return problem_; }
    /// Whether the bytes so far end inside of a reply.
    bool inside_reply() const { return place_ != Place::type || !open_arrays_.empty(); }

private:
    enum class Place { type, line, number, body, body_end };

    std::size_t step(std::string_view bytes);
    std::size_t pass_type(std::string_view bytes);
    std::size_t pass_line(std::string_view bytes);
    std::size_t pass_number(std::string_view bytes);
    std::size_t pass_body_end(std::string_view bytes);
    void end_of_number();
    void begin_bulk(std::int64_t length);
    void begin_array(std::int64_t length);
    void end_of_item();
    void too_large(std::string message);
    void not_resp(std::string_view expected, std::string_view at);

    ReplyLimits limits_;
    Place place_ = Place::type;
    char type_ = 0;
    std::string number_ = {};                     // the length so far, of a bulk string or array
    bool after_return_ = false;                   // the last byte of the line or number was '\r'
    std::int64_t line_left_ = 0;                  // how much longer the line may get
    std::int64_t body_left_ = 0;                  // of the bulk string
    std::size_t body_end_at_ = 0;                 // how much of its "\r\n" was there
    std::int64_t bytes_ = 0;                      // of this reply, counting announced bodies
    std::int64_t elements_ = 0;                   // of this reply
    std::vector<std::int64_t> open_arrays_ = {};  // elements to come, outermost first
    std::optional<ReadProblem> problem_ = {};
};

}  // namespace eventy::resp
