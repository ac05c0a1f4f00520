// Includes the header and links the library, but never waits for termination.
#include <cstdio>
#include <eventy/termination.hpp>

int main() {
    std::printf("ready\n");
    std::fflush(stdout);
    std::getchar();
    return 0;
}
