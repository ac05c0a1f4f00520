#!/usr/bin/env python3
"""check.py links ROOT | check.py commands ROOT EVENTY: whether what the documentation says is there is there.

links     every relative link, with its #anchor, in every .md file, and every path of the repository in backquotes;
          and every test that docs/guarantees.md and docs/histories.md name.
commands  every line of a code block, and every code span, that begins with
            make       the target is in the Makefile
            cmake      the preset is in CMakePresets.json, and what is installed is a preset's folder
            eventy     the subcommand is there and its --help knows each option
            redis-cli  it runs without an error on a server with a few events of the type Earthquake
                       (run by with_redis.sh; what blocks is only looked up)
"""
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

problems = []


def markdown_files(root):
    listed = [root / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return listed + sorted((root / "docs").glob("*.md")) + sorted((root / "examples").rglob("*.md"))


def anchors(path):
    """As GitHub makes them of headings."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)
    found = set()
    for heading in re.findall(r"^#+ (.*)$", text, re.M):
        heading = re.sub(r"[`*]|&\w+;", "", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", heading).replace(" ", "-"))
    return found


def check_links(root):
    count = 0
    for path in markdown_files(root):
        text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", text)):
            if re.match(r"\w+:", target):
                continue
            count += 1
            name, _, anchor = target.partition("#")
            file = (path.parent / name).resolve() if name else path
            if not file.exists():
                problems.append(f"{path.name}: {target}: no such file")
            elif anchor and anchor not in anchors(file):
                problems.append(f"{path.name}: {target}: no such heading")
        for span in re.findall(r"`((?:src|include|tests|tools|scripts|examples|docs|cmake|bench)/[\w./-]*)`", text):
            count += 1
            if not (root / span).exists():
                problems.append(f"{path.name}: `{span}`: no such path")
    return count


def check_tests(root):
    known = set()
    for path in (root / "tests").rglob("*.cpp"):
        known.update(re.findall(r"^TEST(?:_F|_P)?\((\w+), (\w+)\)", path.read_text(), re.M))
    count = 0
    for page in ("guarantees.md", "histories.md"):
        for suite, case in re.findall(r"`([A-Z]\w+)\.([A-Z]\w+)`", (root / "docs" / page).read_text()):
            count += 1
            if (suite, case) not in known:
                problems.append(f"{page}: no test {suite}.{case}")
    return count


def command_lines(path):
    text = path.read_text()
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
        if language in ("", "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                yield line.strip()
    for span in re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)):
        yield span.strip()


class Commands:
    def __init__(self, root, eventy):
        self.eventy = eventy
        makefile = (root / "Makefile").read_text()
        self.targets = set(" ".join(re.findall(r"^([a-z ]+):", makefile, re.M)).split())
        presets = json.loads((root / "CMakePresets.json").read_text())
        self.presets = {preset["name"] for preset in presets["configurePresets"]}
        self.helps = {"": self.run([eventy, "--help"])}
        self.subcommands = set(re.findall(r"^  ([a-z]+) {2,}", self.helps[""].partition("Subcommands:")[2], re.M))
        self.events = False

    @staticmethod
    def run(command, **how):
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, **how).stdout

    def make(self, words):
        for word in words:
            if "=" not in word and not word.startswith("-") and word not in self.targets:
                return f"make has no target {word}"
        return None

    def cmake(self, words):
        for option, value in zip(words, words[1:]):
            if option == "--preset" and value not in self.presets:
                return f"no preset {value}"
            if option == "--install" and value.removeprefix("build/") not in self.presets:
                return f"{value} is no preset's folder"
        return None

    def eventy_command(self, words):
        if words and words[0] in self.subcommands:
            subcommand = words.pop(0)
        elif words and not words[0].startswith("-"):
            return f"eventy has no subcommand {words[0]}"
        else:
            subcommand = ""
        if subcommand not in self.helps:
            self.helps[subcommand] = self.run([self.eventy, subcommand, "--help"])
        known = set(re.findall(r"(?<![\w-])--[a-z-]+", self.helps[subcommand]))
        for word in words[: words.index("--")] if "--" in words else words:
            if word.startswith("--") and word.partition("=")[0] not in known:
                return f"eventy {subcommand} has no option {word}"
        return None

    def publish_some(self):
        lines = "".join(f'{{"id": "quake-{n}", "magnitude": {n}}}\n' for n in range(1, 4))
        self.run([self.eventy, "publish", "Earthquake", "-"], input=lines)
        self.run([self.eventy, "work", "Earthquake", "--count", "1", "--", "true"])
        self.events = True

    def redis_cli(self, words):
        client = ["redis-cli", "-e", "-s", os.environ["REDIS_SOCKET"]]
        if words and words[0] == "-s":  # the path of somebody's server
            words = words[2:]
        if not words:
            return None
        if words[0].upper() in ("SUBSCRIBE", "MONITOR", "SHUTDOWN") or words[0].startswith("-"):
            known = words[0].startswith("-") or self.run(client + ["COMMAND", "INFO", words[0]]).strip()
            return None if known else f"Redis has no command {words[0]}"
        if not self.events:
            self.publish_some()
        done = subprocess.run(client + words, capture_output=True, text=True, timeout=60, check=False)
        return None if done.returncode == 0 else f"{done.stdout}{done.stderr}".strip()

    def check(self, line):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            return str(error)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        for stop in ("|", "&", ">", ";"):
            if stop in words:
                words = words[: words.index(stop)]
        kinds = {"make": self.make, "cmake": self.cmake, "eventy": self.eventy_command, "redis-cli": self.redis_cli}
        return kinds[words[0]](words[1:])


def check_commands(root, eventy):
    commands, count = Commands(root, eventy), 0
    for path in markdown_files(root):
        for line in command_lines(path):
            if re.match(r"(make|cmake|eventy|redis-cli)( |$)", line):
                count += 1
                problem = commands.check(line)
                if problem:
                    problems.append(f"{path.name}: {line}: {problem}")
    return count


def main():
    what, root = sys.argv[1], pathlib.Path(sys.argv[2])
    count = check_links(root) + check_tests(root) if what == "links" else check_commands(root, sys.argv[3])
    print(f"{count} {what} looked at")
    for problem in problems:
        print(problem)
    sys.exit(1 if problems or count == 0 else 0)


main()
