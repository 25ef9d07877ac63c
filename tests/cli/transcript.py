"""What a person sees of commands and their answers, with all that differs between two runs replaced."""

import re

UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b")
TICKET = re.compile(r"\bwt1_[\w-]{74}")
SHARES = re.compile(r"virginia (\d), frankfurt (\d), tokyo (\d)")
LEVEL_LINES = re.compile(r"(?:^(?:HELD|SAFE|FULL) version \d+; shares .*\n)+", re.M)
BAD_SHARES = re.compile(r"(?<=nodes that answered: )(share .*)$", re.M)
PLAIN = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"), "TIME"),
    (re.compile(r"(?<!\+)(?<!\+-)-?\b\d+\.\d+ (?:s|ms|us)\b"), "SPAN"),
    (re.compile(r"\b\d{6}\.sst"), "NUMBER.sst"),
    (re.compile(r"\bMANIFEST-\d{6}"), "MANIFEST-NUMBER"),
    (re.compile(r"\(\d+ bytes\)"), "(SIZE bytes)"),
    # The name is sealed with the value, and how long a name is that has the home looked for is chance.
    (re.compile(r"(?<=, )\d+ bytes(?=; op)"), "SIZE bytes"),
    (re.compile(r"\b[78] of 9 nodes hold it"), "SOME of 9 nodes hold it"),
    # Says what it waited for after a second: how much of that there is depends on the machine.
    (re.compile(r"^worldb: waiting for .*\n", re.M), ""),
    (re.compile(r", leading$", re.M), ""),
    (re.compile(r"> +no answer"), ">  no answer"),
    (re.compile(r"\bbench/\d+"), "bench/NUMBER"),
)
# With all nodes up, or a data center stopped. Any others are a moment's state.
EXACT_SHARES = (("3", "3", "3"), ("3", "3", "0"), ("0", "0", "0"))
LEVELS = ("HELD", "SAFE", "FULL")


class Transcript:
    """Sections of steps. Ids and tickets are numbered in the order in which they are first seen."""

    def __init__(self):
        self.sections = []  # (heading, lines)
        self.names = {}  # text to what stands for it
        self.counts = {}
        self.vague = False  # no shares but those of all nodes are told

    def section(self, heading, *words):
        self.sections.append((heading, list(words)))

    def say(self, line):
        self.sections[-1][1].append(line)

    def name(self, text, stand_in):
        self.names[text] = stand_in

    def numbered(self, text, kind):
        if text not in self.names:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            self.names[text] = f"{kind}-{self.counts[kind]}"
        return self.names[text]

    def normalise(self, text, wait=None):
        """`wait`: the level a write waited for. Which ones it was told on the way is chance."""
        def levels(match):
            lines = match.group().splitlines()
            reached = lines[-1].split()[0]
            if wait is None or LEVELS.index(reached) < LEVELS.index(wait):
                return lines[-1] + "\n"
            version = lines[-1].split(";")[0].split(" ", 1)[1]
            return f"{wait} {version}\n"

        def shares(match):
            exact = EXACT_SHARES[:1] if self.vague else EXACT_SHARES
            return match.group() if match.groups() in exact else "on some nodes"

        text = LEVEL_LINES.sub(levels, text)
        text = SHARES.sub(shares, text)
        text = BAD_SHARES.sub(lambda m: "; ".join(sorted(m.group().split("; "))), text)
        for pattern, stand_in in PLAIN:
            text = pattern.sub(stand_in, text)
        for known in sorted(self.names, key=len, reverse=True):
            text = text.replace(known, self.names[known])
        text = TICKET.sub(lambda m: self.numbered(m.group(), "TICKET"), text)
        return UUID.sub(lambda m: self.numbered(m.group(), "OP"), text)

    def step(self, command, out, err, end, wait=None, only=None):
        """`only`: of standard output, the lines that match; the others are told apart by "..."."""
        lines = [f"$ {self.normalise(command)}"]
        shown = self.normalise(out, wait).splitlines()
        if only is not None:
            shown = [line if re.search(only, line) else "..." for line in shown]
            shown = [line for i, line in enumerate(shown) if i == 0 or (line, shown[i - 1]) != ("...",) * 2]
        lines += [f"    {line}" for line in shown]
        lines += [f"  ! {line}" for line in self.normalise(err).splitlines()]
        self.sections[-1][1].append("\n".join([*lines, f"  = {end}"]))

    def text(self, preface):
        parts = [preface.rstrip()]
        for heading, steps in self.sections:
            parts.append("\n\n".join([f"## {heading}", *steps]))
        return "\n\n\n".join(parts) + "\n"


def without(text, heading):
    """A transcript's text without one section."""
    parts = text.rstrip("\n").split("\n\n\n")
    return "\n\n\n".join(p for p in parts if not p.startswith(f"## {heading}\n")) + "\n"
