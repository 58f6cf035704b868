# SPDX-License-Identifier: LGPL-2.1-or-later
"""tests/all: every suite, one after the other, then a table and the total."""

import argparse
import concurrent.futures
import dataclasses
import os
import shutil
import subprocess
import time

from . import apparmor, build, cgroups, fleet, fuzzing, mesontests, stage
from .console import elapsed, say, show, tail
from .process import CommandFailed, Stopped, stop_on_signals
from .report import Tally
from .session import Session

CI = os.environ.get("CI") == "true"

# With CI=true each of these must have run: a skip would hide that nothing was proven.
HOST_SUITES = ("lint", "unit", "fuzz", "bus")
# These mostly wait, for a daemon to start or to end: they run while other trees are compiled.
LONG_SUITES = ("sweep", "model", "soak")
CONTAINERS = "all"
MACHINES = "252,262"
# With AppArmor's profile of the daemon in force, in the kernels of Debian 12 and 13.
CONFINED_MACHINES = "252,257"
# With the other bus: an old one and the newest.
BROKER_CONTAINERS = "252,262"
# What runs on this machine. Of the two trees only the product's has what guests run.
HOST_PROGRAMS = ("scopewrightd", "scopewright-unit-tests", "scopewright-bus-tests", "scopewright-sweep-tests",
                 "scopewright-fuzz-replay", "fake-systemd", "failing-malloc")
GUEST_PROGRAM = f"{stage.TESTS}/guest-tests"
# What a guest runs besides everything. An emulated machine takes minutes for everything, and a container proves most of it
# for the same systemd: a test that proves more in a machine is tagged, and fails where it is not. What takes long and is
# the same for all is run with an old systemd and with the newest.
VALUE_TESTS = "[matrix],[gating],[update],[devices]"
# What depends on the bus between callers and us: each attack that is tried, and how calls reach a daemon that comes and goes.
BUS_TESTS = ",".join([*(f"[attack-{row}]" for row in range(1, 68)), "[bus]"])
# What is left out has to be hidden here by name too.
CONTAINER_TESTS = "~[crash]~[model]~[soak]~[apparmor]"
# Under the profile, beside its own tests: a daemon that is killed, and users with polkit.
CONFINED_TESTS = "[fault-47],[attack-22][machine],[apparmor]"
TESTS = {"machine 252": "[machine]", "machine 262": VALUE_TESTS,
         "machine 252 apparmor": CONFINED_TESTS, "machine 257 apparmor": f"{VALUE_TESTS},{CONFINED_TESTS}",
         "container 247": CONTAINER_TESTS, "container 254": CONTAINER_TESTS,
         "container 257": CONTAINER_TESTS,
         "container 252 dbus-broker": BUS_TESTS, "container 262 dbus-broker": BUS_TESTS}
LIMITS = {"container": 600, "machine": 1500}

# For each target; tests/fuzz/run takes its time.
FUZZING_SECONDS = 3

# Where time is short or everything takes longer: the crash sweep then kills the daemon at every n-th of its system calls
# only, and the model and the soak do less than their own numbers.
SHORTER = {"SCOPEWRIGHT_SWEEP_STEP": "12", "SCOPEWRIGHT_MODEL_OPERATIONS": "1000", "SCOPEWRIGHT_SOAK_SANDBOXES": "300"}
SANITIZER_ENVIRONMENT = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1:detect_stack_use_after_return=1",
                         "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1"}


@dataclasses.dataclass
class Row:
    name: str
    tally: Tally
    seconds: float
    note: str = ""


class Table:
    def __init__(self):
        self.rows = []

    def add(self, name, tally, seconds, note=""):
        self.rows.append(Row(name, tally, seconds, note))
        say(f"{name}: {tally}" + (f" ({note})" if note else ""))

    def failed(self, name, error, seconds=0.0):
        self.add(name, Tally(failed=1), seconds, str(error))
        log = getattr(error, "log", None)
        if log:
            say(f"the end of {log}:")
            show(tail(log))

    def skipped(self, name, reason):
        if CI:
            self.failed(name, f"must run in CI, but: {reason}")
        else:
            self.add(name, Tally(skipped=1), 0.0, reason)

    def outcomes(self, outcomes, prefix="", must_have=()):
        for suite in sorted({*outcomes, *must_have}, key=lambda name: ([*must_have, name].index(name), name)):
            name = prefix + suite
            if suite not in outcomes:
                self.failed(name, "the build has no such test")
                continue
            outcome = outcomes[suite]
            for test, output in outcome.failures:
                say(f"{name}: {test} failed, the end of its output:")
                show("\n".join(output.splitlines()[-60:]))
            notes = "; ".join(outcome.notes)
            if CI and suite in must_have and outcome.tally.passed == 0:
                self.failed(name, f"must run in CI, but nothing in it passed: {notes}", outcome.seconds)
            else:
                self.add(name, outcome.tally, outcome.seconds, notes)

    def reports(self, reports):
        for report in reports:
            for result in report.results:
                if result.exit not in (0, 77):
                    say(f"{report.name}: {result.command} ended with {result.exit}, the end of its output:")
                    show("\n".join(result.output.splitlines()[-80:]))
            if report.error and report.log:
                say(f"{report.name}: the end of {report.log}:")
                show(tail(report.log))
            note = f"systemd {report.version}, booted in {report.boot_seconds:.1f} s" if report.boot_seconds else ""
            self.add(report.name, report.tally(), report.seconds, report.error or note)

    def take(self, *others):
        """The rows of suites that ran side by side, in the order of this call."""
        for other in others:
            self.rows += other.rows

    def print(self):
        total = sum((row.tally for row in self.rows), Tally())
        width = max([5, *(len(row.name) for row in self.rows)])
        print(f"\n{'suite':{width}}  passed  failed  skipped  seconds")
        for row in self.rows:
            counts = row.tally
            print(f"{row.name:{width}}  {counts.passed:6}  {counts.failed:6}  {counts.skipped:7}  {row.seconds:7.1f}  {row.note}")
        print(f"{'all':{width}}  {total.passed:6}  {total.failed:6}  {total.skipped:7}  {elapsed():7.1f}\n")
        return total


def why_no_guests():
    """A reason why this machine cannot run guests, or None."""
    if os.geteuid() != 0:
        return "guests need root (mounts, namespaces, cgroups)"
    for tool in ("mmdebstrap", "systemd-nspawn", "qemu-system-x86_64", "patchelf"):
        if not shutil.which(tool):
            return f"{tool} is not installed (tests/setup installs it)"
    probe = subprocess.run(["unshare", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "probe", "/mnt"],
                           capture_output=True, text=True)
    if probe.returncode != 0:
        return f"this process may not mount: {probe.stderr.strip()}"
    return None


def why_no_containers():
    if cgroups.unified_mount() is None:
        return "no cgroup2 file system is mounted (mount -t cgroup2 none /sys/fs/cgroup/unified)"
    return None


def make_product(table, quick):
    werror = ["--werror"] if CI else []
    if quick:  # nobody measures this build, and it compiles in half the time
        return build.Build("quick", ["--buildtype=debug", *werror]).make(HOST_PROGRAMS)
    return build.product(options=werror).make()


def host_suites(table, product, environment=None):
    table.outcomes(mesontests.run(product, HOST_SUITES, environment), must_have=HOST_SUITES)
    # They mostly wait, for a daemon to start or to end, and would keep the others from doing so in time.
    table.outcomes(mesontests.run(product, LONG_SUITES, environment), must_have=LONG_SUITES)


def make_sanitizers(table):
    """The other compiler's tree, in which everything is under its sanitizers."""
    if reason := fuzzing.why_not():
        table.skipped("sanitizers", reason)
        return None
    return fuzzing.tree(optimization=0).make([*HOST_PROGRAMS, fuzzing.PROGRAM])


def sanitizer_suites(table, tree):
    # Lint reads the same files in every tree.
    suites = (*HOST_SUITES[1:], *LONG_SUITES)
    table.outcomes(mesontests.run(tree, suites, {**SANITIZER_ENVIRONMENT, **SHORTER}), "sanitizers ", suites)
    targets = fuzzing.targets()
    begun = time.monotonic()
    results = fuzzing.run(tree, targets, FUZZING_SECONDS, jobs=2)
    tally = sum((result.tally() for result in results), Tally())
    executions = sum(result.executions for result in results)
    notes = [f"{result.target}: {result.skipped or result.finding}" for result in results
             if result.skipped or result.finding]
    table.add("fuzzing", tally, time.monotonic() - begun, "; ".join([f"{executions} inputs", *notes]))


def guest_commands(guest):
    tests = TESTS.get(str(guest))
    return [["/" + GUEST_PROGRAM, *([tests] if tests else [])]]


def guest_suites(table, product, guests, prepared):
    usable = []
    for guest in guests:
        reason = why_no_guests() or (why_no_containers() if guest.kind == "container" else None) \
            or (apparmor.why_not() if guest.confined else None)
        if reason:
            table.skipped(str(guest), reason)
            continue
        try:
            prepared[guest].result()
            usable.append(guest)
        except CommandFailed as failure:
            table.failed(str(guest), failure)
    if not usable:
        return
    with Session() as session:
        staged = stage.make(session, product, confined=any(guest.confined for guest in usable))
        if not (staged / GUEST_PROGRAM).exists():
            raise CommandFailed(f"the build has no {stage.GUEST_TESTS}, so there is nothing to run in guests")
        limit = max(LIMITS[guest.kind] for guest in usable)
        table.reports(fleet.run(session, usable, guest_commands, jobs=2, limit=limit))
        say(f"guests' logs: {session.directory}")


def attempt(table, name, function, *arguments):
    """Runs a suite; that it cannot be built or breaks counts as one failure, and the others still run."""
    begun = time.monotonic()
    try:
        return function(table, *arguments)
    except CommandFailed as failure:
        table.failed(name, failure, time.monotonic() - begun)
        return None


def side_by_side(table, *activities):
    """Each activity is the arguments of attempt() without the table. Returns what the last one does."""
    tables = [Table() for _ in activities]
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(activities)) as pool:
        futures = [pool.submit(attempt, own, *activity) for own, activity in zip(tables, activities)]
        results = [future.result() for future in futures]
    table.take(*tables)
    return results[-1]


def everything(table):
    containers = [*fleet.parse_versions(CONTAINERS, "container"),
                  *fleet.parse_versions(BROKER_CONTAINERS, "container", "broker")]
    machines = [*fleet.parse_versions(MACHINES, "machine"),
                *fleet.parse_versions(CONFINED_MACHINES, "machine", confined=True)]
    # Roots are made while the compiler runs: they mostly wait for the network.
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as background:
        guests = [*containers, *machines] if not why_no_guests() else []
        prepared = {guest: background.submit(fleet.prepare, [guest]) for guest in guests}
        product = attempt(table, "build", make_product, False)
        # Containers and the suites of this machine mostly wait; machines and compilers take all CPUs that there are.
        waiting = [("host", host_suites, product), ("containers", guest_suites, product, containers, prepared)]
        tree = side_by_side(table, *(waiting if product else []), ("sanitizers", make_sanitizers))
        under = [("sanitizers", sanitizer_suites, tree)] if tree else []
        emulated = [("machines", guest_suites, product, machines, prepared)] if product else []
        if under or emulated:
            side_by_side(table, *under, *emulated)


def main(argv):
    parser = argparse.ArgumentParser(prog="tests/all", description="Everything that proves the tree.")
    parser.add_argument("--quick", action="store_true", help="no guests, no sanitizers, no second compiler")
    options = parser.parse_args(argv)
    stop_on_signals()
    table = Table()
    try:
        if not options.quick:
            everything(table)
        elif product := attempt(table, "build", make_product, True):
            attempt(table, "host", host_suites, product, SHORTER)
    except Stopped:
        say("stopped; everything is cleaned up")
        return 130
    total = table.print()
    print(total)
    return 1 if total.failed else 0
