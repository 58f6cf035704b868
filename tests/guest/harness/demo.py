# SPDX-License-Identifier: LGPL-2.1-or-later
"""tests/demo: chooses the fastest guest that shows real controller values, and runs the transcript in it."""

import argparse
import subprocess
from pathlib import Path

from . import build, cgroups, fleet, stage
from .console import say, say_why, show
from .process import CommandFailed, Stopped, stop_on_signals
from .report import Tally
from .session import Session

TRANSCRIPT = build.CHECKOUT / "tests/demo-transcript.sh"
SYSTEMD = "252"
SHOWN_CONTROLLERS = {"memory", "cpu", "pids"}
OLDEST_SYSTEMD = 247


def why_machine():
    """Why a container guest on this host would not have real controllers, or None if it would."""
    first = Path("/proc/1/comm").read_text().strip()
    if first != "systemd":
        return f"PID 1 of this host is {first}, not systemd"
    words = subprocess.run(["systemctl", "--version"], capture_output=True, text=True).stdout.split()
    if len(words) < 2 or not words[1].isdigit() or int(words[1]) < OLDEST_SYSTEMD:
        return f"this host's systemd is older than {OLDEST_SYSTEMD}"
    if cgroups.unified_mount() != Path("/sys/fs/cgroup"):
        return "this host does not use the unified cgroup hierarchy"
    missing = SHOWN_CONTROLLERS - set(cgroups.available_controllers())
    if missing:
        return f"this host's cgroup2 tree lacks the controllers {', '.join(sorted(missing))}"
    return None


def choose(wanted):
    reason = why_machine()
    if wanted:
        say(f"guest: {wanted}, as you asked" + (f" (note: {reason})" if wanted == "container" and reason else ""))
        return wanted
    if reason:
        say(f"guest: the emulated machine, because {reason};")
        say("       a container guest would show no memory, cpu or pids values. It takes about 15 s to boot.")
        return "machine"
    say("guest: a container, because this host runs systemd on a unified cgroup tree and can delegate memory, cpu and")
    say("       pids to it: real values, and nothing of this host is changed.")
    return "container"


def main(argv):
    parser = argparse.ArgumentParser(prog="tests/demo", description="The main job against a real systemd.")
    parser.add_argument("--guest", choices=("container", "machine"), help="instead of the fastest that shows real values")
    options = parser.parse_args(argv)
    stop_on_signals()
    try:
        guest = fleet.Guest(choose(options.guest), SYSTEMD)
        fleet.prepare([guest])
        product = build.product().make()
        with Session() as session:
            stage.make(session, product, [TRANSCRIPT])
            report = fleet.run(session, [guest], [["/bin/sh", f"/{stage.TESTS}/{TRANSCRIPT.name}"]])[0]
        for result in report.results:
            show(result.output)
        if report.error:
            say_why(report.error, report.log)
        say(f"the guest ran systemd {report.version}; logs: {report.directory}")
        tally = report.tally()
    except Stopped:
        say("stopped; everything is cleaned up")
        return 130
    except CommandFailed as failure:
        say_why(f"FAILED: {failure}", failure.log)
        tally = Tally(failed=1)
    print(tally)
    return 1 if tally.failed else 0
