// libFuzzer's entry; compiled once for each target, which EVENTY_TARGET names.
#include "fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    eventy::fuzz::EVENTY_TARGET({reinterpret_cast<const char*>(data), size});
    return 0;
}
