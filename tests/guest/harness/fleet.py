# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several guests at once."""

import concurrent.futures
import dataclasses
import traceback

from . import apparmor, container, machine, roots
from .console import say, step
from .process import CommandFailed, Stopped, stopping
from .report import GuestReport


@dataclasses.dataclass(frozen=True)
class Guest:
    kind: str  # "container" or "machine"
    systemd: str
    mode: str = "unified"
    kernel_arguments: tuple[str, ...] = ()
    bus: str = "daemon"  # of a container; a machine has the reference implementation
    confined: bool = False  # AppArmor's profile of the daemon is in force; only a machine has a kernel that knows it

    def __str__(self):
        if self.kind == "container":
            return container.label(self.systemd, self.bus)
        return machine.label(self.systemd, self.mode, self.confined)


def parse_versions(text, kind, bus="daemon", confined=False):
    """"252,257" or "all" as a list of guests."""
    known = list(roots.RECIPES) if kind == "container" else list(machine.VERSIONS)
    versions = known if text == "all" else [word for word in text.split(",") if word]
    for version in versions:
        if version not in known:
            raise CommandFailed(f"no {kind} guest has systemd {version}; there are {', '.join(known)}")
    return [Guest(kind, version, bus=bus, confined=confined) for version in versions]


def _run_one(session, guest, commands, limit, environment):
    try:
        if guest.kind == "container":
            return container.run(session, guest.systemd, commands, limit, environment, guest.bus)
        if guest.confined:
            commands = [[apparmor.LOAD], *commands]
        return machine.run(session, guest.systemd, commands, limit, environment, guest.mode, guest.kernel_arguments,
                           guest.confined)
    except Stopped:
        raise
    except Exception as error:  # a bug of the harness must not take the other guests' results with it
        say(f"{guest}: {traceback.format_exc()}")
        return GuestReport(str(guest), session.directory, error=f"harness: {error!r}")


def run(session, guests, commands, jobs=2, limit=600, environment=None):
    """Runs the commands in every guest, at most jobs guests at a time. Reports come in the order of the guests. The
    commands are a list, or a function that has one for each guest."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool, step(f"{len(guests)} guests, {jobs} at a time"):
        futures = [pool.submit(_run_one, session, guest, commands(guest) if callable(commands) else commands, limit,
                               environment or {}) for guest in guests]
        try:
            reports = []
            for future in futures:
                reports.append(future.result())
                report = reports[-1]
                say(f"{report.name}: {report.tally()} in {report.seconds:.0f} s"
                    + (f" ({report.error})" if report.error else ""))
            return reports
        finally:
            if stopping():
                pool.shutdown(cancel_futures=True)


def prepare(guests):
    """Makes all that is cached for the guests, so that the run itself is short."""
    for guest in guests:
        roots.ensure(guest.systemd)
        if guest.kind == "machine":
            machine.base_archive(guest.systemd)
