#!/usr/bin/env python3
"""Plants mended faults back into the source, one at a time, and sees that a test finds each.

A fault is a patch beside this file, against the source alone. What stands before its first
`diff --git` is its header, three lines:

  fault: what is planted, in a sentence
  target: the test that is to find it, as worldb_add_test names it
  run: a filter of GoogleTest, or WORLDB_SIM_SEEDS=FIRST-LAST

  planted.py check                          does every patch still apply, is its test there?
  planted.py run [ID...] [--build DIR]      is every fault found? Takes minutes: it compiles

`run` works in DIR, on a copy of the tree, which is kept with its build for the next time. A test
that is to find a fault passes without it first. Exits 1 where a fault is not found.
"""

import argparse
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FIELDS = ("fault", "target", "run")
SEEDS = re.compile(r"WORLDB_SIM_SEEDS=\d+-\d+")
FILTER = re.compile(r"[\w*/.:?-]+")
# Nothing of these is planted in, nor is what lies in them compiled.
NOT_SOURCE = ("tests/", "docs/", "cmake/", ".ci/")

TEST_SECONDS_MAX = 300
SEEDS_SECONDS_MAX = 3600
BUILD_SECONDS_MAX = 3600


class Broken(Exception):
    """A patch, or the tree without it, is not as it must be: nothing is known of the fault."""


@dataclasses.dataclass(frozen=True)
class Planted:
    id: str
    path: pathlib.Path
    fault: str
    target: str
    run: str

    @property
    def test(self):
        return self.target, self.run


def read_patch(path):
    header, diff, rest = path.read_text(encoding="utf-8").partition("diff --git ")
    lines = header.splitlines()
    fields = [line.partition(": ")[::2] for line in lines]
    if not diff or [name for name, _ in fields] != list(FIELDS) or not all(v for _, v in fields):
        raise Broken(f"begins with other lines than {', '.join(FIELDS)}")
    fault, target, run = (value for _, value in fields)
    if not SEEDS.fullmatch(run) and not FILTER.fullmatch(run):
        raise Broken(f"run: neither a filter nor seeds: {run}")
    files = re.findall(r"^\+\+\+ b/(\S+)", rest, re.MULTILINE)
    if not files or any(name.startswith(NOT_SOURCE) for name in files):
        raise Broken("changes nothing, or more than the source")
    return Planted(path.stem, path, fault, target, run)


def git_apply(tree, patch, *options):
    # Below a repository that is not its own, git would leave every file out.
    env = dict(os.environ, GIT_CEILING_DIRECTORIES=str(tree.parent))
    done = subprocess.run(["git", "apply", "-p1", *options, str(patch)], cwd=tree, env=env,
                          capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise Broken("does not apply: " + " ".join(done.stderr.split()))


def all_targets(root):
    """The tests as their CMakeLists.txt name them, those of a foreach too."""
    targets = set()
    for path in (root / "tests").rglob("CMakeLists.txt"):
        text = path.read_text(encoding="utf-8")
        targets.update(re.findall(r"worldb_add_test\((\w+)", text))
        for names, suffix in re.findall(
                r"foreach\(name IN ITEMS ([^)]*)\)\s*worldb_add_test\(\$\{name\}(\w*)", text):
            targets.update(name + suffix for name in names.split())
    return targets


def all_tests(root):
    tests = set()
    for path in (root / "tests").rglob("*.cc"):
        text = path.read_text(encoding="utf-8")
        tests.update(".".join(t) for t in re.findall(r"TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)", text))
    return tests


def check(patches):
    targets = all_targets(ROOT)
    tests = all_tests(ROOT)
    faults = []
    for path in patches:
        try:
            planted = read_patch(path)
            if planted.target not in targets:
                raise Broken(f"target: there is no test {planted.target}")
            for name in planted.run.split(":"):
                if re.fullmatch(r"\w+\.\w+", name) and name not in tests:
                    raise Broken(f"run: there is no test {name}")
            git_apply(ROOT, path, "--check")
        except Broken as broken:
            faults.append(f"{path.relative_to(ROOT)}: {broken}")
    print("\n".join(faults) if faults else f"planted: {len(patches)} faults apply")
    return 1 if faults else 0


class Garden:
    """The copy of the tree, and its build."""

    def __init__(self, directory, jobs):
        self.tree = directory / "tree"
        self.build_dir = self.tree / "build" / "release"
        self.runs = directory / "runs"
        self.jobs = jobs

    def restore(self):
        """What differs is written anew, and so is newer than what was made of it."""
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others",
                                 "--exclude-standard"],
                                cwd=ROOT, check=True, capture_output=True, timeout=60)
        names = {name for name in os.fsdecode(listed.stdout).split("\0")
                 if name and (ROOT / name).is_file()}
        for name in names:
            source, copy = ROOT / name, self.tree / name
            if copy.is_file() and copy.read_bytes() == source.read_bytes():
                continue
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.unlink(missing_ok=True)
            copy.write_bytes(source.read_bytes())
            shutil.copymode(source, copy)
        for folder in (path for path in self.tree.iterdir() if path.name != "build"):
            for path in [folder, *folder.rglob("*")]:
                if path.is_file() and path.relative_to(self.tree).as_posix() not in names:
                    path.unlink()

    def call(self, what, command):
        try:
            done = subprocess.run(command, cwd=self.tree, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors="replace",
                                  timeout=BUILD_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise Broken(f"{what}: not done in {BUILD_SECONDS_MAX} s") from None
        if done.returncode != 0:
            lines = done.stdout.splitlines()
            errors = [line for line in lines if "error: " in line] or lines[-3:]
            raise Broken(f"{what}: " + " | ".join(errors[:3]))

    def configure(self):
        self.call("cmake", ["cmake", "--preset", "release"])

    def build(self, *targets):
        self.call("does not compile", ["cmake", "--build", str(self.build_dir),
                                       "--parallel", str(self.jobs), "--target", *targets])

    def test(self, target, run):
        """None when it passes, otherwise what of it failed."""
        binary = next((path for path in self.build_dir.rglob(target) if path.is_file()), None)
        if binary is None:
            raise Broken(f"{target}: nothing of this name was built")
        shutil.rmtree(self.runs, ignore_errors=True)
        self.runs.mkdir(parents=True)
        env = dict(os.environ, WORLDB_SOURCE_DIR=str(self.tree))
        command, seconds = [str(binary)], TEST_SECONDS_MAX
        if SEEDS.fullmatch(run):
            env.update([run.split("=")])
            seconds = SEEDS_SECONDS_MAX
        else:
            command.append(f"--gtest_filter={run}")
        try:
            done = subprocess.run(command, cwd=self.runs, env=env, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors="replace",
                                  timeout=seconds)
        except subprocess.TimeoutExpired:
            return f"{target}, not done in {seconds} s"
        if re.search(r"^Note: .*\n\[=+\] Running 0 tests", done.stdout, re.MULTILINE):
            raise Broken(f"{target}: no test is called {run}")
        if done.returncode == 0:
            return None
        failed = re.search(r"^\[  FAILED  \] (\S+)", done.stdout, re.MULTILINE)
        if failed:
            seed = re.search(r"\bseed \d+", done.stdout)
            return ", ".join([failed.group(1).rstrip(","), *([seed.group()] if seed else [])])
        # It crashed: the test that began last.
        began = re.findall(r"^\[ RUN      \] (\S+)", done.stdout, re.MULTILINE)
        if not began:
            raise Broken(f"{target}: ends with {done.returncode} before any test")
        return f"{began[-1]} (crashed)"


def passes_without(garden, tests):
    """Of each test what is wrong with it before anything is planted; None if nothing is."""
    garden.build(*sorted({target for target, _ in tests}))
    found = {}
    for test in tests:
        try:
            failed = garden.test(*test)
            found[test] = failed and f"fails without the fault: {failed}"
        except Broken as broken:
            found[test] = str(broken)
    return found


def plant(garden, planted):
    try:
        git_apply(garden.tree, planted.path)
        garden.build(planted.target)
        return garden.test(*planted.test)
    finally:
        garden.restore()


def run(patches, directory, jobs):
    garden = Garden(directory, jobs)
    garden.restore()
    garden.configure()
    all_planted = [read_patch(path) for path in patches]
    tests = sorted({planted.test for planted in all_planted})
    print(f"building {len(tests)} tests without a fault", flush=True)
    wrong = passes_without(garden, tests)
    missed = 0
    for planted in all_planted:
        begin = time.monotonic()
        try:
            if wrong[planted.test]:
                raise Broken(wrong[planted.test])
            found = plant(garden, planted)
            words = found or "NOT FOUND"
        except Broken as broken:
            found, words = None, f"BROKEN: {broken}"
        missed += found is None
        print(f"{planted.id:<14} {time.monotonic() - begin:5.0f} s  {words}", flush=True)
    print(f"planted: {len(all_planted) - missed} of {len(all_planted)} faults found")
    return 1 if missed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="does every patch still apply, is its test there?")
    runner = commands.add_parser("run", help="is every fault found?")
    runner.add_argument("ids", nargs="*", metavar="ID", help="a patch, or all that begin so: H2")
    runner.add_argument("--build", default=ROOT / "build" / "planted", type=pathlib.Path,
                        metavar="DIR", help="where to work (build/planted)")
    runner.add_argument("--jobs", default=os.cpu_count(), type=int)
    arguments = parser.parse_args()
    patches = sorted(HERE.glob("*.patch"), key=lambda path: path.stem)
    if arguments.command == "check":
        return check(patches)
    if arguments.ids:
        wanted = re.compile("|".join(f"{re.escape(i)}(-.*)?" for i in arguments.ids))
        patches = [path for path in patches if wanted.fullmatch(path.stem)]
    if not patches:
        parser.error("no such fault; they are the names of the patches in tests/planted")
    try:
        return run(patches, arguments.build.resolve(), arguments.jobs)
    except Broken as broken:
        print(f"planted: {broken}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
