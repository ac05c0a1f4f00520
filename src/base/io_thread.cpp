#include "base/io_thread.hpp"

#include <boost/asio/post.hpp>
#include <eventy/detail/words_of.hpp>
#include <exception>

#include "base/log.hpp"

namespace eventy::detail {

namespace {

void run(boost::asio::io_context& context) {
    for (;;) {
        try {
            context.run();
            return;
        } catch (const std::exception& error) {
            // A bug of ours: say so, and keep the thread, because every queue of this backend lives on it.
            log(LogLevel::error, std::string("unexpected exception on the I/O thread: ") + words_of(error));
        } catch (...) {
            log(LogLevel::error, "unexpected exception of unknown type on the I/O thread");
        }
    }
}

}  // namespace

IoThread::IoThread()
    : context_(std::make_shared<boost::asio::io_context>(1)),
      work_(context_->get_executor()),
      thread_([context = context_] { run(*context); }) {}

IoThread::~IoThread() {
    work_.reset();
    context_->stop();
    if (on_this_thread()) {
        thread_.detach();  // the thread holds the context and leaves run() next
    } else {
        thread_.join();
    }
}

void IoThread::post(std::function<void()> work) { boost::asio::post(*context_, std::move(work)); }

}  // namespace eventy::detail
