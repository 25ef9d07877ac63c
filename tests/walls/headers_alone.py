#!/usr/bin/env python3
"""Compiles every header of ours alone, those of tests left out, with the flags of a source file beside it.

A header whose own source includes it before anything else has been compiled alone by the build, and
is not compiled again; unless that source begins with precompiled headers, as tests do.

A header's flags are those of the source with the same name, else of the nearest source in its
folder, so include paths are never looser here than in the build. Objects are compiled without
optimisation through the launcher of the build (ccache), so a second run is nearly free.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

FOLDERS = ("cryptoscatter", "arbiter", "engine", "transport", "tools")


def load_commands(root, path):
    """Source path from the root -> (directory, argument list)."""
    commands = {}
    for entry in json.loads(pathlib.Path(path).read_text(encoding="utf-8")):
        source = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if source.is_relative_to(root) and source.suffix == ".cc":
            arguments = entry.get("arguments") or shlex.split(entry["command"])
            commands[source.relative_to(root).as_posix()] = (entry["directory"], arguments)
    return commands


def nearest_source(header, commands):
    stem = header[:-len(".h")]
    for twin in (stem + ".cc", stem + "_test.cc"):
        if twin in commands:
            return twin
    # A header without sources beside it borrows from further up.
    for parent in pathlib.PurePosixPath(header).parents:
        below = sorted(s for s in commands if parent in pathlib.PurePosixPath(s).parents)
        if below:
            return below[0]
    return None


def is_precompiled(arguments):
    return any(argument in ("-include", "-include-pch") for argument in arguments)


def included_first(header, source, arguments, root):
    """Whether the build has shown that the header needs nothing before it."""
    if is_precompiled(arguments):
        return False
    first = re.search(r'^#include\s+["<]([^">]+)[">]', (root / source).read_text(encoding="utf-8"),
                      re.MULTILINE)
    return first is not None and first.group(1) == header


def compile_arguments(arguments, source, output):
    kept, skip = [], False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in ("-o", "-c", "-MF", "-MT", "-MQ", "-include", "-Xclang"):
            skip = True  # the last two only ever name precompiled headers
        elif argument in ("-MD", "-MMD", "-Winvalid-pch") or argument.startswith(("-O", "-g")):
            pass
        else:
            kept.append(argument)
    return kept + ["-O0", "-c", str(source), "-o", str(output)]


def check(header, directory, arguments, work_dir):
    stem = work_dir / header.replace("/", "__")
    source, output = stem.with_suffix(".cc"), stem.with_suffix(".o")
    text = f'#include "{header}"\n#include "{header}"  // the guard holds\n'
    if not source.exists() or source.read_text(encoding="utf-8") != text:
        source.write_text(text, encoding="utf-8")
    result = subprocess.run(compile_arguments(arguments, source, output), cwd=directory,
                            capture_output=True, text=True)
    return None if result.returncode == 0 else f"{header} does not compile alone:\n{result.stderr}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root")
    parser.add_argument("--compile-commands", required=True)
    parser.add_argument("--work-dir", required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()

    root = pathlib.Path(arguments.root).resolve()
    work_dir = pathlib.Path(arguments.work_dir)
    work_dir.mkdir(parents=True, exist_ok=True)
    commands = load_commands(root, arguments.compile_commands)
    headers = sorted(path.relative_to(root).as_posix()
                     for folder in FOLDERS for path in (root / folder).rglob("*.h"))

    failures, jobs, proven = [], [], 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for header in headers:
            source = nearest_source(header, commands)
            if source is None:
                failures.append(f"{header}: no source file to take compile flags from")
                continue
            if included_first(header, source, commands[source][1], root):
                proven += 1
                continue
            jobs.append(pool.submit(check, header, *commands[source], work_dir))
        failures += [failure for failure in (job.result() for job in jobs) if failure]
    print("\n".join(failures) if failures else f"{len(headers)} headers compile alone"
          f" ({proven} of them first in their own source)")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
