# SPDX-License-Identifier: LGPL-2.1-or-later
"""The container guest: a Debian root booted by systemd-nspawn, with a real PID 1 in a real cgroup2 tree of its own.

The other side, in order: a shell joins a fresh cgroup and a private mount namespace, lays stage over root with overlayfs
(writes go to a tmpfs) and becomes systemd-nspawn. nspawn makes two cgroups below that directory, "supervisor" for itself
and "payload" for the guest, and unshares a cgroup namespace, so that PID 1 inside sees "payload" as its root. nspawn's
death kills PID 1, PID 1's death kills its PID namespace, and the last process takes the mounts with it.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

from . import cgroups, guestfiles, roots
from .console import say
from .process import CommandFailed, Stopped, end, start, start_bound, stopping
from .report import CommandResult, GuestReport

BOOT_SECONDS = 90

# The unit that is dbus.service: the daemon's is it by its name.
BUSES = {"daemon": "dbus.service", "broker": "dbus-broker.service"}

# $1 mount point, $2 overlay's lower directories, $3 the bus's unit, then nspawn's command line.
ENTER = """set -eu
mount -t tmpfs -o mode=0755 guest "$1"
mkdir "$1/upper" "$1/work" "$1/root" "$1/upper/etc" "$1/upper/etc/systemd" "$1/upper/etc/systemd/system"
[ "$3" = dbus.service ] || ln -s "/lib/systemd/system/$3" "$1/upper/etc/systemd/system/dbus.service"
tr -d - </proc/sys/kernel/random/uuid >"$1/upper/etc/machine-id"
mount -t overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" guest "$1/root"
shift 3
exec "$@"
"""


def label(systemd, bus):
    return f"container {systemd}" + ("" if bus == "daemon" else f" dbus-{bus}")


class Container:
    """A booted container; a context manager, so that nothing of it outlives the block."""

    def __init__(self, session, systemd, directory, bus="daemon"):
        self.systemd = systemd
        self.label = label(systemd, bus)
        self.name = session.guest_name(f"c{systemd}" + bus[0])
        self._bus = BUSES[bus]
        self.directory = directory
        self.console = directory / "console.log"
        self.commands = directory / "commands"
        self._lower = f"{session.stage}:{roots.ensure(systemd)}"
        self._nspawn = None
        self._leader = None
        self.state = "no PID 1 seen"

    def __enter__(self):
        try:
            self._start()
            self._wait_for_boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self._leader:
            self._save_journal()
        if self._nspawn:
            self._power_off()
        cgroups.remove(self.name)
        forget(self.name)
        (self.directory / "mount").rmdir()

    def _power_off(self):
        """Kills PID 1 of the guest, then nspawn tidies up and ends. An orderly shutdown takes longer than it teaches."""
        try:
            if self._leader:
                os.kill(self._leader, signal.SIGKILL)
                self._nspawn.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
        cgroups.remove(self.name)
        end(self._nspawn)

    def _start(self):
        (self.directory / "mount").mkdir()
        self.commands.mkdir(exist_ok=True)
        mount = self.directory / "mount"
        nspawn = ["systemd-nspawn", "--quiet", "--boot", "--directory", mount / "root", "--machine", self.name,
                  "--hostname=guest", "--register=no", "--keep-unit", "--console=pipe", "--settings=no",
                  "--private-network", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
                  f"--bind={self.commands}:/{guestfiles.COMMANDS}"]
        with open(self.console, "wb") as console:
            self._nspawn = start_bound(
                [*cgroups.joining(self.name), "env", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1",
                 "unshare", "--mount", "--propagation", "private", "--",
                 "/bin/sh", "-c", ENTER, "enter", mount, self._lower, self._bus, *nspawn],
                stdout=console, stderr=subprocess.STDOUT)

    def _find_leader(self):
        """PID 1 of the guest, seen from here: the child of nspawn that is number 1 in its own PID namespace."""
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        for child in children:
            status = Path(f"/proc/{child}/status").read_text()
            numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
            if len(numbers) > 2 and numbers[-1] == "1":
                return int(child)
        return None

    def _wait_for_boot(self):
        begun = time.monotonic()
        while True:
            if stopping():
                raise Stopped()
            if self._nspawn.poll() is not None:
                raise CommandFailed(f"{self.label}: systemd-nspawn ended with {self._nspawn.returncode}", self.console)
            if time.monotonic() - begun > BOOT_SECONDS:
                raise CommandFailed(f"{self.label}: not up after {BOOT_SECONDS} s ({self.state})", self.console)
            try:
                self._leader = self._leader or self._find_leader()
            except (OSError, StopIteration):
                pass  # it went away while we looked
            # The private socket of PID 1 appears when it is ready to be asked.
            if self._leader and Path(f"/proc/{self._leader}/root/run/systemd/private").exists():
                answer = self.inside("systemctl", "is-system-running")
                self.state = answer.stdout.strip() or answer.stderr.strip()
                if self.state in ("running", "degraded"):
                    break
            time.sleep(0.1)
        self.boot_seconds = time.monotonic() - begun
        cgroups.pass_on(self.name)
        failed = ""
        if self.state == "degraded":
            failed = " (" + self.inside("systemctl", "--failed", "--plain", "--no-legend").stdout.strip() + ")"
        say(f"{self.label}: {self.state}{failed} after {self.boot_seconds:.1f} s")

    def entering(self):
        """The words in front of a command that shall see the guest's namespaces. Its cgroup stays the host's!"""
        # --root, because from within a chroot the root of the guest's mount namespace is not the root of its processes.
        return ["nsenter", "--target", str(self._leader), "--all", "--root", "--wd", "--"]

    def inside(self, *argv, seconds=20):
        """For questions only: tests run through run(), which gives them a cgroup in the guest's tree."""
        try:
            return subprocess.run([*self.entering(), *argv], capture_output=True, text=True, timeout=seconds,
                                  stdin=subprocess.DEVNULL, start_new_session=True)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(argv, 124, "", "timed out")

    def run(self, number, command, limit):
        """Runs the command that write_commands() laid out under this number, as a unit of the guest's PID 1."""
        place = self.commands / f"{number:02}"
        begun = time.monotonic()
        asked = self.inside("systemctl", "start", "--no-block", f"guest-command@{number:02}.service")
        if asked.returncode != 0:
            raise CommandFailed(f"{self.label}: PID 1 refused the command: {asked.stderr.strip()}", self.console)
        while not (place / "exit").exists():
            if stopping():
                raise Stopped()
            if self._nspawn.poll() is not None:
                raise CommandFailed(f"{self.label}: the guest died during command {number}", self.console)
            # run-command itself keeps the limit; this is for a guest in which nothing moves any more.
            if time.monotonic() - begun > limit + 30:
                raise CommandFailed(f"{self.label}: command {number} overran {limit} s", self.console)
            time.sleep(0.05)
        seconds = time.monotonic() - begun
        return CommandResult(guestfiles.as_shell(command), int((place / "exit").read_text()), self.output(number), seconds)

    def output(self, number):
        """What the command has printed up to now."""
        file = self.commands / f"{number:02}" / "output"
        return file.read_text(errors="replace") if file.exists() else ""

    def _save_journal(self):
        with open(self.directory / "journal.log", "wb") as file:
            journal = start([*self.entering(), "journalctl", "--no-pager", "--output=short-precise", "--boot"],
                            stdout=file, stderr=subprocess.STDOUT)
            try:
                journal.wait(20)
            except subprocess.TimeoutExpired:
                end(journal)


def forget(name):
    """Removes what a killed nspawn leaves in the host's /run: the directory through which mounts would be propagated."""
    try:
        Path("/run/systemd/nspawn/propagate", name).rmdir()
    except OSError:
        pass


def run(session, systemd, commands, limit, environment, bus="daemon"):
    """Boots a container guest, runs the commands one after the other, and reports."""
    report = GuestReport(label(systemd, bus), session.directory / label(systemd, bus).replace(" ", "-"))
    directory = report.directory
    directory.mkdir()
    begun = time.monotonic()
    try:
        report.version = roots.systemd_version(roots.ensure(systemd))
        guestfiles.write_commands(directory / "commands", commands, limit,
                                  {"SCOPEWRIGHT_GUEST": "container", "SCOPEWRIGHT_GUEST_SYSTEMD": systemd,
                                   "SCOPEWRIGHT_GUEST_BUS": bus, **environment})
        with Container(session, systemd, directory, bus) as guest:
            report.boot_seconds, report.state = guest.boot_seconds, guest.state
            for number, command in enumerate(commands):
                try:
                    report.results.append(guest.run(number, command, limit))
                except CommandFailed:
                    report.results.append(CommandResult(guestfiles.as_shell(command), None, guest.output(number)))
                    raise
    except CommandFailed as failure:
        report.error, report.log = str(failure), failure.log
    report.seconds = time.monotonic() - begun
    return report
