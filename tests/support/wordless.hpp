// The least that a program's exception can say.
#pragma once
#include <exception>

namespace eventy::test {

struct Wordless : std::exception {
    const char* what() const noexcept override { return nullptr; }
};

}  // namespace eventy::test
