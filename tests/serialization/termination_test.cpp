#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace {

/// A child with its stdin and stdout in our hands.
class Child {
public:
    Child(const char* program, std::vector<const char*> arguments) {
        int in[2];
        int out[2];
        if (pipe(in) != 0 || pipe(out) != 0) {
            ADD_FAILURE() << "no pipe";
            return;
        }
        arguments.insert(arguments.begin(), program);
        arguments.push_back(nullptr);
        pid_ = fork();
        if (pid_ == 0) {
            dup2(in[0], STDIN_FILENO);
            dup2(out[1], STDOUT_FILENO);
            for (const int end : {in[0], in[1], out[0], out[1]}) {
                close(end);
            }
            alarm(60);  // a child that hangs ends, and fails its test
            execv(program, const_cast<char* const*>(arguments.data()));
            _exit(127);
        }
        close(in[0]);
        close(out[1]);
        to_ = in[1];
        from_ = out[0];
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        close(to_);
        close(from_);
        if (pid_ > 0) {
            kill(pid_, SIGKILL);
            waitpid(pid_, nullptr, 0);
        }
    }

    void send(int signal) const { kill(pid_, signal); }

    std::string read_line() const {
        std::string line;
        for (char c = 0; read(from_, &c, 1) == 1 && c != '\n';) {
            line.push_back(c);
        }
        return line;
    }

    /// Whether its output ends within the time.
    bool ends_within(std::chrono::milliseconds time) const {
        pollfd output{from_, POLLIN, 0};
        return poll(&output, 1, static_cast<int>(time.count())) > 0;
    }

    /// "exit 15", "signal 2"
    std::string wait_end() {
        int status = 0;
        waitpid(pid_, &status, 0);
        pid_ = -1;
        return WIFEXITED(status) ? "exit " + std::to_string(WEXITSTATUS(status))
                                 : "signal " + std::to_string(WTERMSIG(status));
    }

private:
    pid_t pid_ = -1;
    int to_ = -1;
    int from_ = -1;
};

Child waiting_program(std::vector<const char*> arguments) { return {WAITING_PROGRAM, std::move(arguments)}; }

TEST(WaitForTermination, ReturnsASignalThatCameBefore) {
    EXPECT_EQ(waiting_program({"raise-term", "wait"}).wait_end(), "exit 15");
    EXPECT_EQ(waiting_program({"raise-int", "wait"}).wait_end(), "exit 2");
}

TEST(WaitForTermination, ReturnsASignalThatComesWhileItWaits) {
    for (const int signal : {SIGTERM, SIGINT}) {
        Child child = waiting_program({"raise-term", "wait", "wait"});
        ASSERT_EQ(child.read_line(), "15");  // now it is in the second wait, or on its way there
        child.send(signal);
        EXPECT_EQ(child.read_line(), std::to_string(signal));
        EXPECT_EQ(child.wait_end(), "exit " + std::to_string(signal));
    }
}

TEST(WaitForTermination, ReturnsEachKindOnce) {
    Child child = waiting_program({"raise-term", "raise-term", "raise-int", "wait", "wait", "wait"});
    EXPECT_EQ(child.read_line(), "15");
    EXPECT_EQ(child.read_line(), "2");
    child.send(SIGINT);
    EXPECT_EQ(child.wait_end(), "exit 2");
}

TEST(WaitForTermination, LetsASecondInterruptLaterEndAProgramThatIsBusy) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "ThreadSanitizer delivers signals itself, and not the one that a handler raises";
#endif
    Child child = waiting_program({"listen"});
    ASSERT_EQ(child.read_line(), "ready");
    child.send(SIGINT);
    // Time is what this is about: repeat, as an impatient user does, until it has ended.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!child.ends_within(std::chrono::milliseconds(100)) && std::chrono::steady_clock::now() < deadline) {
        child.send(SIGINT);
    }
    EXPECT_EQ(child.wait_end(), "signal 2");
}

TEST(WaitForTermination, GivesWayToTheDefaultAction) {
    EXPECT_EQ(waiting_program({"default", "raise-int", "wait"}).wait_end(), "signal 2");
}

TEST(WaitForTermination, LeavesProgramsAloneThatNeverCallIt) {
    for (const int signal : {SIGTERM, SIGINT}) {
        Child child(IDLE_PROGRAM, {});
        ASSERT_EQ(child.read_line(), "ready");
        child.send(signal);
        EXPECT_EQ(child.wait_end(), "signal " + std::to_string(signal));
    }
}

}  // namespace
