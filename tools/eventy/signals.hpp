// Ending on SIGINT and SIGTERM in order, and waiting for that and other things at once.
#pragma once
#include <chrono>
#include <csignal>
#include <optional>

namespace eventy::cli {

/// From its making on the two signals no longer end the process but wait here. Make it before the first other thread:
/// later ones inherit the block.
class Signals {
public:
    Signals();
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    /// The next one that came; nullopt: none so far.
    std::optional<int> take();
    /// Readable while there is one.
    int fd() const { return fd_; }

private:
    sigset_t old_mask_{};
    int fd_;
};

/// Rung from any thread, heard by poll().
class Bell {
public:
    Bell();
    ~Bell();
    Bell(const Bell&) = delete;
    Bell& operator=(const Bell&) = delete;

    void ring() const;
    /// Forgets that it rang.
    void quiet() const;
    int fd() const { return fd_; }

private:
    int fd_;
};

/// Waits until a signal came or the bell rang (which is quietened), or the time is up.
void wait_for(const Signals&, const Bell&, std::chrono::milliseconds);

}  // namespace eventy::cli
