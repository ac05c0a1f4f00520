// The end of a queue whose store does not answer.
#include <gtest/gtest.h>

#include <eventy/log.hpp>
#include <typeindex>

#include "core/queue_core.hpp"
#include "core/told_store.hpp"

namespace eventy::detail {
namespace {

class QueueEnding : public ::testing::Test {
protected:
    QueueEnding() {
        set_logger([logged = logged_](LogLevel, std::string_view message) { logged->add(std::string(message)); });
    }
    ~QueueEnding() override { set_logger(nullptr); }

    const std::shared_ptr<test::Line<std::string>> logged_ = std::make_shared<test::Line<std::string>>();
};

TEST_F(QueueEnding, LetsGoOfItsStoreAfterALeaseAndSaysWhatItCouldNotStore) {
    const auto backend = std::make_shared<test::ToldBackend>();
    QueueSettings settings;
    settings.event_type = "Order";
    settings.key_prefix = "p";
    settings.event_ttl = std::chrono::hours(1);
    settings.concurrency = 1;
    settings.lease = std::chrono::seconds(1);
    settings.lazy_connect = true;
    const auto core = QueueCore::open(backend, settings, typeid(int), nullptr);
    std::vector<RawHandler> handlers;
    handlers.emplace_back(
        [](const RawEvent&, std::shared_ptr<void>& decoded, Context&) { decoded = std::make_shared<int>(0); });
    core->subscribe(std::move(handlers), {}).detach();
    const auto take = backend->calls->takes.next("a take");
    TakeReply reply;
    reply.epoch = 7;
    reply.events.emplace_back();
    reply.events[0].id = 1;
    backend->io().post([&] { take.done(std::move(reply)); });
    backend->calls->settlements.next("the outcome, which is never answered");
    EXPECT_TRUE(core->close(test::patience)) << "the handler ended";
    EXPECT_TRUE(backend->calls->ends.next("the store's end"));
    EXPECT_EQ(logged_->next("a warning"),
              "closed Order (prefix p) on the test without having stored the outcome of 1 events; they are processed "
              "again");
}

}  // namespace
}  // namespace eventy::detail
