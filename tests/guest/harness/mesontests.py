# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs "meson test" in a build tree and counts what the test programs count, not what Meson counts."""

import json
import os
import re

from .console import say, step
from .places import cache
from .process import run_logged
from .report import CommandResult, Tally

SECONDS = 900

# "project:suite+other / test" up to Meson 1.6, "suite+other - project:test" later; the record has no field for it.
NAMES = (re.compile(r"^[^:/]+:(?P<suites>[^/]+) / (?P<test>.*)$"), re.compile(r"^(?P<suites>\S+) - [^:]+:(?P<test>.*)$"))


class Outcome:
    """One suite of one build tree."""

    def __init__(self):
        self.tally = Tally()
        self.seconds = 0.0
        self.notes = []
        self.failures = []  # (test's name, its output)

    def add(self, record):
        output = record.get("stdout", "") + record.get("stderr", "")
        name = split_name(record["name"])[1]
        # A test that was killed by a signal or by Meson's timeout has a negative or no return code.
        result = CommandResult(name, record.get("returncode"), record.get("stdout", ""))
        counted = result.tally()
        if record["result"] in ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS") and counted.failed == 0:
            counted += Tally(failed=1)
        self.tally += counted
        self.seconds += record.get("duration", 0.0)
        if counted.failed:
            self.failures.append((f"{name} [{record['result']}]", output))
        if counted.skipped and record["result"] == "SKIP":
            self.notes.append(f"{name}: {(output.strip().splitlines() or ['skipped'])[-1]}")


def split_name(name):
    """The first suite and the test's own name."""
    for pattern in NAMES:
        if match := pattern.match(name):
            return match["suites"].split("+")[0], match["test"]
    return "none", name


def run(build, suites=None, environment=None):
    """Runs the tests of these Meson suites, or all; returns {suite: Outcome}. A test counts for its first suite only."""
    label = f"{build.name}: meson test " + (" ".join(suites) if suites else "(all)")
    logs = build.directory / "meson-logs"
    results = logs / "testlog.json"
    results.unlink(missing_ok=True)
    argv = ["meson", "test", "-C", build.directory, "--no-rebuild", "--print-errorlogs"]
    for suite in suites or ():
        argv += ["--suite", suite]
    log = cache("logs", f"tests-{build.name}.log")
    log.unlink(missing_ok=True)
    with step(label):
        run_logged(argv, log, label, SECONDS, check=False, env={**os.environ, **(environment or {})})
    outcomes = {}
    if not results.exists():
        say(f"{label}: Meson ran no test; see {log}")
        return outcomes
    for line in results.read_text().splitlines():
        record = json.loads(line)
        suite = split_name(record["name"])[0]
        outcomes.setdefault(suite, Outcome()).add(record)
    return outcomes
