// The manager without T: queues by name. Not for users.
#pragma once
#include <eventy/detail/queue.hpp>
#include <eventy/serializer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <typeindex>
#include <vector>

namespace eventy::detail {

class ManagerCore;

struct ManagerSettings {
    Format format = Format::json;
    QueueSettings queues = {};  // of each queue; `event_type` is not used
};

/// All members may be called from any thread.
class Manager {
public:
    /// A typed handle on the queue, behind a pointer that knows how to delete it.
    using MakeHandle = std::function<std::shared_ptr<void>(std::shared_ptr<Queue>)>;

    Manager(std::shared_ptr<Backend>, ManagerSettings);
    ~Manager();
    Manager(const Manager&) = delete;
    Manager& operator=(const Manager&) = delete;

    Format format() const;
    void add(std::string event_type, std::type_index, const MakeHandle&);
    void* find(std::string_view event_type, std::type_index) const;
    void remove(std::string_view event_type, std::type_index);
    std::vector<std::string> types() const;
    bool close(milliseconds timeout);

private:
    std::unique_ptr<ManagerCore> core_;
};

}  // namespace eventy::detail
