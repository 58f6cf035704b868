# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a guest gives back, and the sum of the test counts in it."""

import dataclasses
import re
from pathlib import Path

COUNT_LINE = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$")


@dataclasses.dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Tally(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"

    @classmethod
    def last_line_of(cls, output):
        """The count that a test program prints as its last line, or None if it printed none."""
        for line in reversed(output.splitlines()):
            if match := COUNT_LINE.match(line.strip()):
                return cls(*(int(number) for number in match.groups()))
        return None


@dataclasses.dataclass
class CommandResult:
    command: str
    exit: int | None  # None: it never ended, for the guest died or the deadline came
    output: str
    seconds: float = 0.0

    def tally(self):
        """Its own count; a program that ends badly without admitting a failure counts as one failure.

        Without a count line the command is one test, and 77 means skipped, as everywhere in Meson.
        """
        counted = Tally.last_line_of(self.output)
        if self.exit == 77:
            return counted or Tally(skipped=1)
        if counted is None:
            return Tally(passed=1) if self.exit == 0 else Tally(failed=1)
        if self.exit != 0 and counted.failed == 0:
            return counted + Tally(failed=1)
        return counted


@dataclasses.dataclass
class GuestReport:
    name: str
    directory: Path
    version: str = ""
    boot_seconds: float = 0.0
    state: str = ""
    seconds: float = 0.0
    error: str | None = None
    log: Path | None = None
    results: list[CommandResult] = dataclasses.field(default_factory=list)

    def tally(self):
        total = sum((result.tally() for result in self.results), Tally())
        # A command that never ended is counted already.
        if self.error and all(result.exit is not None for result in self.results):
            total += Tally(failed=1)
        return total

    def ok(self):
        return self.error is None and self.tally().failed == 0
