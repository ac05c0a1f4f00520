// Tells and waits as its arguments say, one word each, and ends with the number of the last signal it waited for.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <eventy/termination.hpp>

int main(int argc, char** argv) {
    int signal = 0;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "wait") == 0) {
            signal = eventy::wait_for_termination();
            std::printf("%d\n", signal);
        } else if (std::strcmp(argv[i], "raise-term") == 0) {
            std::raise(SIGTERM);
        } else if (std::strcmp(argv[i], "raise-int") == 0) {
            std::raise(SIGINT);
        } else if (std::strcmp(argv[i], "default") == 0) {
            std::signal(SIGINT, SIG_DFL);
        } else if (std::strcmp(argv[i], "listen") == 0) {
            std::printf("ready\n");
            std::fflush(stdout);
            std::getchar();
        }
        std::fflush(stdout);
    }
    return signal;
}
