#!/usr/bin/env python3
"""extract.py README OUT: makes programs of the C++ blocks of the README.

OUT/first_program.cpp          the first block, byte for byte: it has to compile and link as pasted.
OUT/first_program_on_url.cpp   the same, on the server of EVENTY_REDIS_URL (see `on_url`): it is run.
OUT/other_blocks.cpp           the further blocks, below the first one's includes and payload. main() calls each function
                               that they define and that takes nothing or a queue, but those of blocks that
                               `<!-- test: compile only -->` stands before.

The substitution: `({.key_prefix` becomes `({.redis_client = <a client of EVENTY_REDIS_URL>, .key_prefix`.
"""
import pathlib
import re
import sys

CLIENT = "({.redis_client = eventy::redis::Client::from_url(std::getenv(\"EVENTY_REDIS_URL\")), .key_prefix"
INCLUDES = "#include <cstdlib>\n"


def on_url(text):
    return text.replace("({.key_prefix", CLIENT)


def write(path, text):
    """Leaves a file that is as it should be, so that nothing is built again."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main():
    readme, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    blocks = re.findall(r"^(<!-- test: compile only -->\n)?```cpp\n(.*?)^```$", readme.read_text(), re.M | re.S)
    if len(blocks) < 2 or "int main()" not in blocks[0][1] or "({.key_prefix" not in blocks[0][1]:
        sys.exit(f"{readme}: the first C++ block is no program with ({{.key_prefix in it")

    first = blocks[0][1]
    write(out / "first_program.cpp", first)
    write(out / "first_program_on_url.cpp", INCLUDES + on_url(first))

    # Unnamed, so that functions need no declaration before them.
    parts = [INCLUDES, first[: first.index("int main()")], "namespace {\n"]
    calls = []
    for compile_only, block in blocks[1:]:
        parts.append(on_url(block))
        for name, argument in re.findall(r"^void (\w+)\((const eventy::EventQueue<OrderEvent>& queue)?\) \{", block, re.M):
            if compile_only:
                calls.append(f"    static_cast<void>(&{name});\n")
            else:
                calls.append(f"    {name}({'queue' if argument else ''});\n")
    parts.append("}\n\nint main() {\n")
    parts.append(on_url("    const eventy::RedisEventQueue<OrderEvent> queue({.key_prefix = \"readme\"});\n"))
    parts += calls
    parts.append("    return queue.count_events() > 0 ? 0 : 1;\n}\n")
    write(out / "other_blocks.cpp", "".join(parts))


main()
