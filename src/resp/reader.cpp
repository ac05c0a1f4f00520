#include "resp/reader.hpp"

#include <hiredis/read.h>

#include <algorithm>
#include <new>
#include <utility>

namespace eventy::resp {

namespace {

// hiredis copies what it is fed and looks at its whole buffer again each time, so more at once costs, it does not save.
constexpr std::size_t feed_bytes = 16 * 1024;

/// Where hiredis wants the next value to stand. Only the innermost open array grows, and nothing in it is open then, so
/// the pointers that hiredis keeps (to the arrays around it) stay valid.
Reply* next_place(const redisReadTask* task) noexcept {
    if (task->parent == nullptr) {
        return static_cast<Reply*>(task->privdata);
    }
    try {
        return &static_cast<Reply*>(task->parent->obj)->items.emplace_back();
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

void* make_text(const redisReadTask* task, char* bytes, std::size_t length) noexcept {
    auto* const reply = next_place(task);
    if (reply == nullptr) {
        return nullptr;
    }
    reply->kind = task->type == REDIS_REPLY_ERROR    ? Reply::Kind::error
                  : task->type == REDIS_REPLY_STATUS ? Reply::Kind::status
                                                     : Reply::Kind::text;
    try {
        reply->text.assign(bytes, length);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
    return reply;
}

void* make_array(const redisReadTask* task, int elements) noexcept {
    // Not more ahead than this: the elements are only announced yet.
    constexpr int most_reserved = 64;
    auto* const reply = next_place(task);
    if (reply == nullptr) {
        return nullptr;
    }
    reply->kind = Reply::Kind::array;
    try {
        reply->items.reserve(static_cast<std::size_t>(std::clamp(elements, 0, most_reserved)));
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
    return reply;
}

void* make_integer(const redisReadTask* task, long long value) noexcept {
    auto* const reply = next_place(task);
    if (reply != nullptr) {
        reply->kind = Reply::Kind::integer;
        reply->integer = value;
    }
    return reply;
}

void* make_nil(const redisReadTask* task) noexcept { return next_place(task); }

void leave_to_owner(void*) noexcept {}

redisReplyObjectFunctions reply_functions = {make_text, make_array, make_integer, make_nil, leave_to_owner};

}  // namespace

struct Reader::Parser {
    Parser() : hiredis(redisReaderCreateWithFunctions(&reply_functions)) {
        if (hiredis == nullptr) {
            throw std::bad_alloc();
        }
        hiredis->privdata = &reply;
    }
    ~Parser() { redisReaderFree(hiredis); }
    Parser(const Parser&) = delete;
    Parser& operator=(const Parser&) = delete;

    redisReader* hiredis;
    Reply reply = {};  // the one being read
};

Reader::Reader(ReplyLimits limits) : guard_(limits), parser_(std::make_unique<Parser>()) {}
Reader::~Reader() = default;

bool Reader::read(std::string_view bytes, std::vector<Reply>& replies) {
    while (!bytes.empty() && !problem_) {
        const auto piece = bytes.substr(0, feed_bytes);
        const auto fit = guard_.pass(piece);
        if (parse(piece.substr(0, fit), replies) && guard_.problem()) {
            problem_ = guard_.problem();
        }
        bytes.remove_prefix(piece.size());
    }
    return !problem_;
}

bool Reader::parse(std::string_view bytes, std::vector<Reply>& replies) {
    redisReaderFeed(parser_->hiredis, bytes.data(), bytes.size());
    for (;;) {
        void* root = nullptr;
        if (redisReaderGetReply(parser_->hiredis, &root) != REDIS_OK) {
            problem_ = ReadProblem{parser_->hiredis->err == REDIS_ERR_OOM, parser_->hiredis->errstr};
            return false;
        }
        if (root == nullptr) {
            return true;
        }
        replies.push_back(std::exchange(parser_->reply, Reply{}));
    }
}

}  // namespace eventy::resp
