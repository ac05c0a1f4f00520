// The conformance suite on the store in memory, with a clock that only moves when told to.
#include <atomic>
#include <eventy/memory.hpp>

#include "store/store_fixture.hpp"

namespace eventy::test {

namespace {

class MemoryBed final : public StoreBed {
public:
    MemoryBed() : store_({.clock = [time = time_] { return now_of(*time); }}) {}

    std::shared_ptr<Backend> connect() override { return store_.backend(); }
    void pass(milliseconds duration) override { *time_ += std::chrono::microseconds(duration).count(); }
    Timestamp now() override { return now_of(*time_); }
    std::string fresh_prefix() override { return "test"; }

private:
    using Time = std::atomic<std::int64_t>;
    static Timestamp now_of(const Time& time) { return Timestamp::time_point(std::chrono::microseconds(time.load())); }

    const std::shared_ptr<Time> time_ = std::make_shared<Time>(1'700'000'000'000'000);
    memory::Store store_;
};

const BedFactory factory{"memory", [] { return std::make_unique<MemoryBed>(); }};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Stores, StoreConformance, ::testing::Values(factory), bed_name);
INSTANTIATE_TEST_SUITE_P(Stores, Histories, ::testing::Values(factory), bed_name);

}  // namespace eventy::test
