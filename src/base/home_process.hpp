// Whether this is still the process in which something was made.
#pragma once
#include <eventy/error.hpp>
#include <memory>
#include <string>

namespace eventy::detail {

/// A child of `fork()` has copies of all objects, and of all threads only the one that forked: loops do not run there,
/// locks may be held by threads that do not exist, and sockets are shared with the parent. So what was made before must
/// be neither used nor ended there. Remembers where it was made; a look costs a few nanoseconds.
class HomeProcess {
public:
    HomeProcess() noexcept;
    bool is_here() const noexcept;

private:
    int forks_;  // that led to the process in which this was made
};

/// Never destroys it: for the end of what is not at home.
void leave_alone(std::shared_ptr<void>);

/// `doing`: "publish to Order ..."; the words of the refusal in a child.
[[noreturn]] void throw_not_at_home(const std::string& doing);

}  // namespace eventy::detail
