// The eventy command started without a stdin, stdout or stderr.
#include <regex>

#include "tools/command_run.hpp"

namespace eventy::test {
namespace {

class ClosedDescriptors : public CommandTest {
protected:
    /// By the shell: `eventy arguments...`, with redirections as `<&-`.
    CommandRun::Ended eventy_line(const std::string& line) const {
        return CommandRun({"sh", "-c", std::string(EVENTY_COMMAND) + " " + line}, options()).wait();
    }
};

TEST_F(ClosedDescriptors, WithoutAStdinThereIsNothingToPublish) {
    const auto ended = eventy_line("publish T - <&-");
    EXPECT_EQ(ended.code, 1);
    EXPECT_NE(ended.err.find("eventy: read: Bad file descriptor"), std::string::npos) << ended.err;
    write_file("file", numbered(3));
    EXPECT_EQ(eventy_line("publish T file <&-").code, 0) << "which it does not need";
    EXPECT_EQ(ask({"count", "T"}), "3");
}

TEST_F(ClosedDescriptors, WithoutAStdoutWhatIsPrintedIsNotTaken) {
    publish("T", 3);
    for (const char* line : {"count T >&-", "work T --print --once >&-", "count T <&- >&-"}) {
        const auto ended = eventy_line(line);
        EXPECT_EQ(ended.code, 1) << line;
        EXPECT_NE(ended.err.find("cannot write to stdout: Bad file descriptor"), std::string::npos) << ended.err;
    }
    EXPECT_EQ(ask({"count", "T", "--status", "pending"}), "3");
}

TEST_F(ClosedDescriptors, WithoutAStderrTheExitCodeSaysIt) {
    EXPECT_EQ(eventy_line("get T 7 2>&-").code, 1);
    EXPECT_EQ(eventy_line("count T <&- 2>&-").out, "0\n");
    EXPECT_EQ(eventy_line("count 2>&-").code, 2);
    EXPECT_EQ(eventy_line("count T <&- >&- 2>&-").code, 1);
}

TEST_F(ClosedDescriptors, ACommandOfWorkGetsItsStdinAndNothingOfOurs) {
    publish("T", 1);
    const std::string script =
        "for n in 0 1 2; do links=\"$links$(readlink /proc/$$/fd/$n) \"; done; echo $links > links; cat > payload";
    const auto ended = eventy_line("work T --once -- sh -c '" + script + "' <&- >&- 2>&-");
    EXPECT_EQ(ended.code, 0);
    EXPECT_EQ(read_file("payload"), "{\"n\": 1}");
    const std::string links = read_file("links");
    EXPECT_TRUE(std::regex_match(links, std::regex("pipe:\\S+ /dev/null pipe:\\S+\n"))) << links;
    EXPECT_EQ(ask({"count", "T", "--status", "processed"}), "1");
}

}  // namespace
}  // namespace eventy::test
