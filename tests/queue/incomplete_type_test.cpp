// <eventy/queue.hpp> without JSON: a queue of a type that is not complete yet can be a member.
#include <gtest/gtest.h>
#include <eventy/queue.hpp>

#include <string>

namespace eventy::test {
namespace {

struct Later;

class Service {
public:
    explicit Service(EventQueue<Later> queue) : queue_(std::move(queue)) {}
    EventId send(int value) const;

private:
    EventQueue<Later> queue_;
};

struct Later {
    int value = 0;
};
struct LaterSerializer final : Serializer<Later> {
    std::string serialize(const Later& later) const override { return std::to_string(later.value); }
    Later deserialize(std::string_view bytes) const override { return {std::stoi(std::string(bytes))}; }
};

EventId Service::send(int value) const { return queue_.publish({value}).id; }

TEST(IncompleteType, CanBeAMembersPayload) {
    const MemoryEventQueue<Later> queue({.serializer = std::make_shared<LaterSerializer>()});
    const Service service(queue);
    EXPECT_EQ(queue.get_event(service.send(7)).payload.value, 7);
}

}  // namespace
}  // namespace eventy::test
