// The backend whose queues live in this process.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/io_thread.hpp"
#include "memory/shared_queue.hpp"
#include "store/store.hpp"

namespace eventy::memory {

/// Which types each prefix knows. On the I/O thread only.
class TypeRegistry {
public:
    void add(const QueueName& name) { types_[name.prefix].insert(name.type); }
    void remove(const QueueName& name) { types_[name.prefix].erase(name.type); }
    std::vector<std::string> list(const std::string& prefix) const;

private:
    std::map<std::string, std::set<std::string>> types_;
};

/// Keeps every queue that was ever opened on it, as Redis would, until it is destroyed.
class MemoryBackend final : public Backend {
public:
    /// An empty clock is the system's.
    explicit MemoryBackend(Clock clock);

    IoThread& io() override { return io_; }
    std::string describe() const override { return "memory"; }
    void check(Deadline, Callback<Done>) override;
    milliseconds connect_timeout() const override { return milliseconds(5000); }
    milliseconds command_timeout() const override { return milliseconds(5000); }
    std::unique_ptr<detail::Store> open(QueueName, StoreSettings) override;
    void list_types(std::string prefix, Deadline, Callback<std::vector<std::string>>) override;
    void remove_type(QueueName, Deadline, Callback<Done>) override;

private:
    using Name = std::pair<std::string, std::string>;  // prefix, type

    const Clock clock_;
    const std::shared_ptr<TypeRegistry> types_ = std::make_shared<TypeRegistry>();
    std::map<Name, std::shared_ptr<SharedQueue>> queues_;
    IoThread io_;  // last, so that it has ended before the queues go
};

}  // namespace eventy::memory
