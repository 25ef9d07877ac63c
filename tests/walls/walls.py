#!/usr/bin/env python3
"""Holds the source tree to the arrows of ARCHITECTURE.md.

Reads text only: include lines, guards, and the compile commands CMake wrote. Prints one line per
breach (`file:line: rule: what`) and exits 1 if there is any.

Rules
  arrow        a folder or room includes only itself and those its arrows point to
  room         every source of engine/ lies in one of its rooms
  library      an outside library is included only where it belongs
  pure         cryptoscatter/ and arbiter/ include nothing that does I/O, time, threads or chance
  resolve      a quoted include is a path from the root that exists, Abseil's, or a generated .pb.h
  own-first    the header of the same name is the first include of a .cc
  guard        include guards spell the path: WORLDB_ENGINE_SHARE_STORE_H_
  compiled     every .cc belongs to a target
  options      every .cc of ours is compiled with the warnings of worldb_options
"""

import argparse
import json
import pathlib
import re
import sys

FOLDERS = ("cryptoscatter", "arbiter", "engine", "transport", "tools", "tests")

# The rooms of engine/ from the ground up, each with the rooms it may include.
GROUND = ("cell", "api", "messages", "ports")
ROOMS = {
    "cell": (),
    "api": (),
    "messages": ("cell", "api"),
    "ports": ("cell", "api", "messages"),
    "context": GROUND,
    "rows": GROUND,
    "local": GROUND,
    "rocks": GROUND,
    "edge": GROUND,
    "shares": (*GROUND, "context", "rows"),
    "home": (*GROUND, "context", "rows"),
    "gateway": (*GROUND, "context", "edge"),
    "offline": (*GROUND, "rows"),
    "desks": (*GROUND, "context", "home"),
    "scatter": (*GROUND, "context", "home"),
    "repair": (*GROUND, "context", "shares"),
    "sequencer": (*GROUND, "context", "home", "desks", "scatter"),
    "node": (*GROUND, "context", "edge", "shares", "home", "gateway", "desks", "scatter", "repair",
             "sequencer"),
}

# The rooms of tools/recover/ below its commands, each with the rooms it may include, and what of tools/ all may.
RECOVER_ROOMS = {
    "files": (),
    "judging": (),
    "sources": ("files", "judging"),
    "outputs": ("files", "judging"),
    "split": ("files",),
}
TOOLS_COMMON = ("tools/files.h", "tools/output_file.h", "tools/print.h", "tools/stop_signals.h")

# The longest matching prefix of a file's path decides.
ARROWS = {
    "cryptoscatter/base": ("cryptoscatter/base",),
    "cryptoscatter": ("cryptoscatter",),
    "arbiter": ("arbiter", "cryptoscatter/base"),
    "engine": (),  # nothing lies beside the rooms
    **{f"engine/{room}": (f"engine/{room}", *(f"engine/{other}" for other in others), "arbiter",
                          "cryptoscatter")
       for room, others in ROOMS.items()},
    "transport": ("transport", "engine", "arbiter", "cryptoscatter"),
    "tools": ("tools", "transport", "engine", "arbiter", "cryptoscatter"),
    "tools/recover": ("tools", "engine", "arbiter", "cryptoscatter"),
    **{f"tools/recover/{room}": (f"tools/recover/{room}",
                                 *(f"tools/recover/{other}" for other in others), *TOOLS_COMMON,
                                 "engine", "arbiter", "cryptoscatter")
       for room, others in RECOVER_ROOMS.items()},
    "tests": FOLDERS,
}

# (name, pattern of the include, folders that may, header files too?, how the files that may begin, or None)
LIBRARIES = (
    ("gRPC", r"grpc(pp|\+\+)?/", ("transport", "tools", "tests"), True, None),
    ("protobuf", r"google/(protobuf|rpc)/|.*\.pb\.h$", ("transport", "tools", "tests"), True, None),
    ("RocksDB", r"rocksdb/", ("engine",), False, "engine/rocks/"),
    ("asio", r"asio(\.hpp|/)", ("engine",), False, "engine/local/strand_executor"),
    ("libsodium", r"sodium(\.h|/)", ("cryptoscatter",), False, None),
    ("ISA-L", r"(isa-l|isal)(\.h|/)|(erasure_code|gf_vect_mul|raid)\.h$", ("cryptoscatter",), False, None),
    ("OpenSSL", r"openssl/", ("cryptoscatter",), False, None),
    ("CLI11", r"CLI/", ("tools",), False, "tools/command_line"),
    ("libarchive", r"archive(_entry)?\.h$", ("tools",), False, "tools/recover/files/archive"),
    ("GoogleTest", r"g(test|mock)/", ("tests",), True, None),
    ("rapidcheck", r"rapidcheck(\.h|/)", ("tests",), True, None),
    ("benchmark", r"benchmark/", ("tests",), True, None),
    ("valgrind", r"valgrind/", ("tests",), True, None),
)

# Besides the C++ library and Abseil, the pure folders include only what LIBRARIES grants them.
PURE_FOLDERS = ("cryptoscatter", "arbiter")
IMPURE = re.compile(
    r"(thread|future|stop_token|semaphore|fstream|iostream|filesystem|random|ctime|time\.h|unistd\.h"
    r"|fcntl\.h|poll\.h|netdb\.h|pthread\.h|sys/.*|netinet/.*|arpa/.*|linux/.*|absl/time/clock\.h"
    r"|absl/random/.*|absl/synchronization/.*|spdlog/.*)$")
# The one place that wraps a lock.
PURE_EXCEPTIONS = {"cryptoscatter/base/mutex.h": ("mutex", "condition_variable", "chrono")}
LOCKS = re.compile(r"(mutex|shared_mutex|condition_variable|chrono)$")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.breaches = []

    def files(self, *suffixes):
        for folder in FOLDERS:
            for path in sorted((self.root / folder).rglob("*")):
                if path.suffix in suffixes and path.is_file() and not self.is_foreign(path):
                    yield path.relative_to(self.root).as_posix()

    def is_foreign(self, path):
        # The consumer of tests/install stands for a program outside this tree.
        return path.relative_to(self.root).as_posix().startswith("tests/install/consumer/")

    def read(self, name):
        return (self.root / name).read_text(encoding="utf-8")

    def includes(self, name):
        for number, line in enumerate(self.read(name).splitlines(), 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match.group(1) == '"', match.group(2)

    def breach(self, name, line, rule, text):
        self.breaches.append(f"{name}:{line}: {rule}: {text}")


def is_in(path, folder):
    return path == folder or path.startswith(folder + "/")


def own_folder(name):
    return max((f for f in ARROWS if is_in(name, f)), key=len)


def check_includes(tree):
    for name in tree.files(".h", ".cc"):
        folder = own_folder(name)
        top = name.split("/")[0]
        for line, quoted, target in tree.includes(name):
            ours = target.split("/")[0] in FOLDERS and "/" in target
            generated = target.endswith(".pb.h")
            if ours and not any(is_in(target, allowed) for allowed in ARROWS[folder]):
                tree.breach(name, line, "arrow", f"{folder}/ must not include {target}")
            if quoted and not generated and not (ours and (tree.root / target).is_file()):
                if not re.match(r"absl/|[a-z_0-9-]+(\.h|\.hpp|/.+)$", target) or ours:
                    tree.breach(name, line, "resolve", f"no file {target} below the root")
                elif (tree.root / name).parent.joinpath(target).is_file():
                    tree.breach(name, line, "resolve", f"write the path of {target} from the root")
            if ours and not generated:
                continue
            for library, pattern, folders, in_headers, begin in LIBRARIES:
                if re.match(pattern, target):
                    if top not in folders and top != "tests":
                        where = ", ".join(f + "/" for f in folders)
                        tree.breach(name, line, "library", f"{library} belongs in {where} only")
                    elif name.endswith(".h") and not in_headers and top != "tests":
                        tree.breach(name, line, "library", f"{library} belongs in .cc files only")
                    elif begin is not None and not name.startswith(begin) and top != "tests":
                        tree.breach(name, line, "library", f"{library} belongs in {begin}*.cc only")
            if top in PURE_FOLDERS:
                allowed = PURE_EXCEPTIONS.get(name, ())
                if (IMPURE.match(target) or LOCKS.match(target)) and target not in allowed:
                    tree.breach(name, line, "pure", f"{top}/ must not include {target}")


def check_rooms(tree):
    for name in tree.files(".h", ".cc"):
        if own_folder(name) == "engine":
            tree.breach(name, 1, "room", "it lies in no room of engine/")


def check_own_header_first(tree):
    for name in tree.files(".cc"):
        own = name[:-len(".cc")] + ".h"
        if not (tree.root / own).is_file():
            continue
        first = next(tree.includes(name), None)
        if first is None or first[2] != own:
            tree.breach(name, first[0] if first else 1, "own-first", f"{own} must be the first include")


def check_guards(tree):
    for name in tree.files(".h"):
        guard = "WORLDB_" + re.sub(r"[^A-Za-z0-9]", "_", name).upper() + "_"
        lines = tree.read(name).splitlines()
        directives = [line for line in lines if line.startswith("#")]
        last = next((line for line in reversed(lines) if line.strip()), "")
        if directives[:2] != [f"#ifndef {guard}", f"#define {guard}"] or last != f"#endif  // {guard}":
            tree.breach(name, 1, "guard", f"expected the include guard {guard}")


def check_compile_commands(tree, path):
    flags = {}
    for entry in json.loads(pathlib.Path(path).read_text(encoding="utf-8")):
        source = pathlib.Path(entry["directory"], entry["file"]).resolve()
        try:
            name = source.relative_to(tree.root.resolve()).as_posix()
        except ValueError:
            continue
        flags.setdefault(name, []).append(entry.get("command") or " ".join(entry["arguments"]))
    for name in tree.files(".cc"):
        if name not in flags:
            # Fuzz targets are compiled by the fuzz build alone.
            if not is_in(name, "tests/fuzz"):
                tree.breach(name, 1, "compiled", "no target compiles this file")
        elif not all(" -Wextra" in command for command in flags[name]):
            tree.breach(name, 1, "options", "its target does not link worldb_options")


def breaches(root, compile_commands=None):
    tree = Tree(root)
    check_includes(tree)
    check_rooms(tree)
    check_own_header_first(tree)
    check_guards(tree)
    if compile_commands:
        check_compile_commands(tree, compile_commands)
    return tree.breaches


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root")
    parser.add_argument("--compile-commands", help="compile_commands.json of a full build")
    arguments = parser.parse_args()
    found = breaches(arguments.root, arguments.compile_commands)
    print("\n".join(found) if found else "walls: no breach")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
