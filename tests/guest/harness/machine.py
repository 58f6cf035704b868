# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine guest: a Debian kernel and root in qemu, emulated, so that every cgroup controller is really there.

The other side: the kernel unpacks the cpio archives into memory and starts systemd from there; there is no disk and no
network. The first serial port is the console, the second carries the results (see files/usr/lib/scopewright-guest/run-all),
the third the journal, live, so that it survives a crash. With -no-reboot and panic=-1 qemu ends whenever the guest does.
"""

import os
import re
import shutil
import subprocess
import time

from . import cpio, guestfiles, roots
from .console import say, step
from .places import cache, locked
from .process import CommandFailed, Stopped, end, start_bound, stopping
from .report import CommandResult, GuestReport

VERSIONS = tuple(recipe.systemd for recipe in roots.RECIPES.values() if recipe.kernel)
BOOT_SECONDS = 240
BOOT_ATTEMPTS = 2
MEMORY_MEGABYTES = 2048

# qemu 7.2 sometimes leaves rubbish in EFLAGS after CMPXCHG16B, and kernels from 6.12 on then crash in the allocator.
# Without the instruction they use a lock instead.
PROCESSOR = "max,cx16=off"

# A block device for limits of input and output: the one kind whose driver is in the cloud kernel and not a module. It
# has no content and nobody reads it.
DISK = ("-blockdev", "driver=null-co,node-name=disk,size=16777216,read-zeroes=on",
        "-device", "nvme,serial=guest,drive=disk")

# Not needed to boot or to test, and every megabyte has to be unpacked by an emulated processor.
SKIPPED = ("boot", "usr/share/perl", "usr/lib/x86_64-linux-gnu/perl", "usr/lib/x86_64-linux-gnu/gconv", "usr/share/zoneinfo",
           "usr/lib/udev/hwdb.d", "usr/share/perl5", "var/cache", "var/lib/apt", "var/lib/dpkg", "var/log")
ARCHIVE_FORM = 1  # part of the cached archive's name; count up when SKIPPED changes

CGROUP_MODES = {
    "unified": ["systemd.unified_cgroup_hierarchy=1"],
    "hybrid": ["systemd.unified_cgroup_hierarchy=0", "systemd.legacy_systemd_cgroup_controller=0",
               "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"],
    "legacy": ["systemd.unified_cgroup_hierarchy=0", "systemd.legacy_systemd_cgroup_controller=1",
               "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"],
}

READY = re.compile(rb"^@guest ready (\S+) ([0-9.]+)\r?$", re.M)
END = re.compile(rb"^@guest end\r?$", re.M)
NEVER = re.compile(rb"(?!)")


def label(systemd, mode="unified", confined=False):
    return f"machine {systemd}" + ("" if mode == "unified" else f" {mode}") + (" apparmor" if confined else "")


def base_archive(systemd):
    """The root as a cpio archive, made once. Not compressed: copying is cheaper than an emulated gunzip."""
    root = roots.ensure(systemd)
    archive = cache("initramfs", f"{root.name}-{ARCHIVE_FORM}.cpio")
    with locked(archive.with_suffix(".lock"), f"machine {systemd}: base archive"):
        if not archive.exists():
            unfinished = archive.with_suffix(".new")
            with step(f"machine {systemd}: packing the root"), open(unfinished, "wb") as file:
                writer = cpio.Writer(file)
                writer.tree(root, SKIPPED)
                writer.end()
            os.rename(unfinished, archive)
    return archive


class Machine:
    """A running machine; a context manager, so that nothing of it outlives the block."""

    def __init__(self, session, systemd, directory, mode="unified", kernel_arguments=()):
        self.systemd = systemd
        self.label = directory.name.replace("-", " ")
        self.directory = directory
        self.console = directory / "console.log"
        self.results = directory / "results.log"
        self._arguments = [*CGROUP_MODES[mode], *kernel_arguments]
        self._stage = session.stage
        self._initrd = directory / "initrd"
        self._qemu = None

    def __enter__(self):
        self._compose()
        kernel = roots.ensure(self.systemd) / "boot/vmlinuz"
        # PID 1 has TERM from here: a new one asks any other terminal for its name and its size, and waits for an answer
        # that a file does not give.
        arguments = ["console=ttyS0", "TERM=dumb", "rdinit=/lib/systemd/systemd", "panic=-1", "quiet", "mitigations=off",
                     "systemd.show_status=0", "systemd.firstboot=0", "systemd.wants=guest-commands.service",
                     "systemd.journald.forward_to_console=1", "random.trust_cpu=1", *self._arguments]
        command = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", PROCESSOR, "-smp", "2",
                   "-m", MEMORY_MEGABYTES, "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none",
                   *DISK, "-net", "none", "-no-reboot", "-kernel", kernel, "-initrd", self._initrd,
                   "-append", " ".join(arguments), "-serial", f"file:{self.console}", "-serial", f"file:{self.results}",
                   "-serial", f"file:{self.directory / 'journal.log'}"]
        self.begun = time.monotonic()
        with open(self.directory / "qemu.log", "wb") as log:
            self._qemu = start_bound(command, stdout=log, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, *_):
        if self._qemu:
            end(self._qemu, grace=1.0)
        self._initrd.unlink(missing_ok=True)

    def _compose(self):
        """The cached root, then the stage, then this guest's commands."""
        shutil.copyfile(base_archive(self.systemd), self._initrd)
        with open(self._initrd, "ab") as file:
            writer = cpio.Writer(file)
            writer.tree(self._stage)
            for directory in ("var", "var/lib"):
                writer.path(directory, self.directory)
            writer.path(guestfiles.COMMANDS, self.directory / "commands")
            for path in sorted((self.directory / "commands").rglob("*")):
                writer.path(f"{guestfiles.COMMANDS}/{path.relative_to(self.directory / 'commands')}", path)
            writer.end()

    def output(self):
        return self.results.read_bytes() if self.results.exists() else b""

    def wait_for(self, pattern, seconds, what):
        """Waits until the pattern is in the results, or the machine is off; None when it never came."""
        deadline = time.monotonic() + seconds
        while True:
            off = self._qemu.poll() is not None
            if match := pattern.search(self.output()):
                return match
            if off:
                return None
            if stopping():
                raise Stopped()
            if time.monotonic() > deadline:
                raise CommandFailed(f"{self.label}: {what} after {seconds:.0f} s", self.console)
            time.sleep(0.2)


def _results(output, commands, seconds):
    """Splits the results along their frames. A command whose end is missing has no exit status."""
    results = []
    for number, command in enumerate(commands):
        begin = re.search(rb"^@guest begin %02d\r?\n" % number, output, re.M)
        if not begin:
            break
        exit_line = re.compile(rb"\n@guest exit %02d (\d+)\r?$" % number, re.M).search(output, begin.end() - 1)
        text = output[begin.end():exit_line.start() if exit_line else len(output)].decode(errors="replace")
        results.append(CommandResult(guestfiles.as_shell(command), int(exit_line[1]) if exit_line else None, text,
                                     seconds.get(number, 0.0)))
    return results


def run(session, systemd, commands, limit, environment, mode="unified", kernel_arguments=(), confined=False):
    """Boots a machine guest, which runs the commands by itself and switches itself off, and reports."""
    report = GuestReport(label(systemd, mode, confined), session.directory / label(systemd, mode, confined).replace(" ", "-"))
    directory = report.directory
    directory.mkdir()
    begun = time.monotonic()
    seconds = {}
    try:
        report.version = roots.systemd_version(roots.ensure(systemd))
        guestfiles.write_commands(directory / "commands", commands, limit,
                                  {"SCOPEWRIGHT_GUEST": "machine", "SCOPEWRIGHT_GUEST_SYSTEMD": systemd,
                                   "SCOPEWRIGHT_GUEST_BUS": "daemon", "SCOPEWRIGHT_GUEST_OUTPUT": "/dev/ttyS1", **environment})
        for attempt in range(1, BOOT_ATTEMPTS + 1):
            with step(f"{report.name}: booting and running"), \
                    Machine(session, systemd, directory, mode, kernel_arguments) as guest:
                if _boot(guest, report):
                    _follow(guest, len(commands), limit, seconds)
                    break
                # Nothing of ours has run yet: it is the emulator's fault, and trying again hides nothing.
                if attempt == BOOT_ATTEMPTS:
                    raise CommandFailed(f"{report.name}: went off while booting", guest.console)
                say(f"{report.name}: went off while booting, once more (see console-{attempt}.log)")
                guest.console.rename(directory / f"console-{attempt}.log")
    except CommandFailed as failure:
        report.error, report.log = str(failure), failure.log
    if (directory / "results.log").exists():
        report.results = _results((directory / "results.log").read_bytes(), commands, seconds)
    report.seconds = time.monotonic() - begun
    return report


def _boot(guest, report):
    """Waits until the guest is up; False when it went off instead."""
    ready = guest.wait_for(READY, BOOT_SECONDS, "not up")
    if not ready:
        return False
    report.state, report.boot_seconds = ready[1].decode(), time.monotonic() - guest.begun
    say(f"{guest.label}: {report.state} after {report.boot_seconds:.1f} s")
    return True


def _follow(guest, commands, limit, seconds):
    """Notes how long each command takes, until the guest has switched itself off."""
    for number in range(commands):
        started = time.monotonic()
        guest.wait_for(re.compile(rb"^@guest exit %02d " % number, re.M), limit + 60, f"command {number} not done")
        seconds[number] = time.monotonic() - started
    if not guest.wait_for(END, 60, "no end of the results"):
        raise CommandFailed(f"{guest.label}: went off before the last command had ended", guest.console)
    guest.wait_for(NEVER, 30, "not off")
