#include "core/job.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <utility>

#include "support/wordless.hpp"

namespace eventy::detail {
namespace {

class Host final : public JobHost {
public:
    std::vector<std::shared_ptr<SubscriptionState>> subscriptions() const override { return subscribed; }
    void report(JobReport report) override { reports.push_back(std::move(report)); }
    std::optional<milliseconds> next_attempt_after(int, std::string&) const override { return wait; }
    void extend(Lease, milliseconds) override {}
    void report_progress(Lease, double, std::string) override {}
    const std::string& worker_id() const override { return id; }
    const void* queue() const override { return this; }

    void subscribe(std::function<void()> handler) {
        std::vector<RawHandler> handlers;
        handlers.emplace_back(
            [handler = std::move(handler)](const RawEvent&, std::shared_ptr<void>& decoded, Context&) {
                decoded = std::make_shared<int>(0);
                handler();
            });
        subscribed.push_back(
            std::make_shared<SubscriptionState>("s", this, std::move(handlers), std::function<void()>([] {})));
    }

    std::string id = "worker";
    std::optional<milliseconds> wait;
    std::vector<std::shared_ptr<SubscriptionState>> subscribed;
    std::vector<JobReport> reports;
};

std::shared_ptr<Job> make_job(const std::shared_ptr<Host>& host) {
    StoredEvent event;
    event.id = 7;
    return std::make_shared<Job>(std::move(event), 1, host);
}

JobReport run(const std::shared_ptr<Host>& host) {
    const auto job = make_job(host);
    job->set_lease_until(std::chrono::steady_clock::now() + std::chrono::hours(1));
    job->run();
    // Taken out of the host: a report holds its job, and that its host.
    return std::move(std::exchange(host->reports, {}).at(0));
}

TEST(Job, AThrowingHandlerFailsTheEventAndKeepsNobodyFromIt) {
    const auto host = std::make_shared<Host>();
    bool second_called = false;
    host->subscribe([] { throw std::runtime_error("no stock"); });
    host->subscribe([&] { second_called = true; });
    const auto report = run(host);
    EXPECT_EQ(report.verdict, Verdict::failed);
    EXPECT_EQ(report.error, "no stock");
    EXPECT_TRUE(second_called);
}

TEST(Job, AnExceptionWithoutWordsFailsTheEventWithAReasonThatSaysSo) {
    const auto host = std::make_shared<Host>();
    host->subscribe([] { throw eventy::test::Wordless(); });
    host->subscribe([] { throw std::runtime_error(""); });
    const auto report = run(host);
    EXPECT_EQ(report.verdict, Verdict::failed);
    EXPECT_EQ(report.error,
              "an exception whose what() is a null pointer; the handler threw an exception without words");
}

TEST(Job, AHandlerCanHandItsEventBack) {
    const auto host = std::make_shared<Host>();
    bool second_called = false;
    host->subscribe([] { throw HandBack(); });
    host->subscribe([&] { second_called = true; });
    const auto report = run(host);
    EXPECT_EQ(report.verdict, Verdict::handed_back);
    EXPECT_EQ(report.error, "");
    EXPECT_FALSE(second_called);  // it sees the event when it comes again
}

TEST(Job, HandedBackIsMoreThanFailed) {
    const auto host = std::make_shared<Host>();
    host->subscribe([] { throw std::runtime_error("no stock"); });
    host->subscribe([] { throw HandBack(); });
    const auto report = run(host);
    EXPECT_EQ(report.verdict, Verdict::handed_back);
    EXPECT_EQ(report.error, "");
}

TEST(Job, AFailureIsRetriedWhenThePolicySaysSo) {
    const auto host = std::make_shared<Host>();
    host->wait = milliseconds(70);
    host->subscribe([] { throw std::runtime_error("no stock"); });
    const auto report = run(host);
    EXPECT_EQ(report.verdict, Verdict::retry);
    EXPECT_EQ(report.delay, milliseconds(70));
    EXPECT_EQ(report.error, "no stock");
}

TEST(Job, AHandlerThatRejectsIsNotAskedAgain) {
    const auto host = std::make_shared<Host>();
    host->wait = milliseconds(70);
    host->subscribe([] { throw Retry{std::chrono::seconds(1), "busy"}; });
    host->subscribe([] { throw Reject{"no such customer"}; });
    const auto report = run(host);
    EXPECT_EQ(report.verdict, Verdict::failed);
    EXPECT_EQ(report.error, "busy; no such customer");
}

TEST(Job, AHandlerCanAskForARetryWhateverThePolicySays) {
    const auto host = std::make_shared<Host>();
    host->subscribe([] { throw Retry{std::chrono::seconds(1), "busy"}; });
    host->subscribe([] { throw Retry{.after = std::chrono::seconds(3), .reason = {}}; });
    const auto report = run(host);
    EXPECT_EQ(report.verdict, Verdict::retry);
    EXPECT_EQ(report.delay, std::chrono::seconds(3));
    EXPECT_EQ(report.error, "busy; the handler asked for a retry");
}

TEST(Job, WhatAHandlerAsksForIsWithinLimits) {
    const auto host = std::make_shared<Host>();
    host->subscribe([] { throw Retry{milliseconds(-5)}; });
    EXPECT_EQ(run(host).delay, milliseconds(0));
    const auto other = std::make_shared<Host>();
    other->subscribe([] { throw Retry{milliseconds::max()}; });
    EXPECT_EQ(run(other).delay, std::chrono::hours(24 * 30));
}

TEST(Job, DoesNotBeginOnALeaseThatMayHaveRunOut) {
    const auto host = std::make_shared<Host>();
    int calls = 0;
    host->subscribe([&] { ++calls; });
    const auto job = make_job(host);
    job->set_lease_until(std::chrono::steady_clock::now());
    job->run();
    EXPECT_EQ(calls, 0);
    ASSERT_EQ(host->reports.size(), 1u);
    EXPECT_TRUE(host->reports[0].deferred);
    EXPECT_EQ(host->reports[0].job, job);
    EXPECT_TRUE(job->waits());
    EXPECT_EQ(job->started(), std::nullopt);

    host->reports.clear();
    job->set_lease_until(std::chrono::steady_clock::now() + std::chrono::hours(1));
    job->run();
    EXPECT_EQ(calls, 1);
    ASSERT_EQ(host->reports.size(), 1u);
    EXPECT_FALSE(host->reports[0].deferred);
    host->reports.clear();  // which hold their job, and that its host
}

}  // namespace
}  // namespace eventy::detail
