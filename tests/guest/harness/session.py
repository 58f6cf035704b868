# SPDX-License-Identifier: LGPL-2.1-or-later
"""One run of the harness: its directory of results, its names, and the removal of what dead runs left behind.

A run holds a lock for as long as it lives. The kernel drops the lock when the process dies, so whoever can take it knows
that the run is dead and that its cgroups and stage are rubbish. Mounts need no sweep: they live in mount namespaces that
end with their processes.
"""

import os
import secrets
import shutil

from . import cgroups, container
from .console import say
from .places import GUEST_RECORDS, cache, try_lock

KEPT_RUNS = 10


class Session:
    def __enter__(self):
        sweep()
        self._lock = None
        while self._lock is None:
            self.id = f"{os.getpid()}-{secrets.token_hex(2)}"
            self._lock = try_lock(GUEST_RECORDS / self.id)
            # A sweep that runs right now may have removed the file between our open() and flock().
            if self._lock is not None and os.fstat(self._lock).st_nlink == 0:
                os.close(self._lock)
                self._lock = None
        self.directory = cache("runs", self.id)
        self.directory.mkdir()
        self.stage = self.directory / "stage"
        os.write(self._lock, str(self.directory).encode())
        return self

    def __exit__(self, *_):
        for name in cgroups.leftovers():
            if name.startswith(self.guest_name("")):
                cgroups.remove(name)
        shutil.rmtree(self.stage, ignore_errors=True)
        (GUEST_RECORDS / self.id).unlink()
        os.close(self._lock)

    def guest_name(self, kind):
        """Unique on the machine; the run's id is in it, so that a sweep can tell whose it is."""
        return f"{cgroups.PREFIX}{self.id}-{kind}"


def sweep():
    """Removes what runs that were killed have left: guests' cgroups and stages, and all but the last results."""
    living = set()
    for record in list(GUEST_RECORDS.glob("*-*")):
        lock = try_lock(record)
        if lock is None:
            living.add(record.name)
            continue
        directory = record.read_text()
        say(f"sweep: run {record.name} ended without cleaning up")
        for name in cgroups.leftovers():
            if name.startswith(f"{cgroups.PREFIX}{record.name}-"):
                cgroups.remove(name)
                container.forget(name)
        if directory:
            shutil.rmtree(os.path.join(directory, "stage"), ignore_errors=True)
        record.unlink(missing_ok=True)
        os.close(lock)
    for name in cgroups.leftovers():
        owner = "-".join(name.removeprefix(cgroups.PREFIX).split("-")[:2])
        # Somebody else's /run may hold its record, if we are in a container: then there is life in it.
        if owner not in living and not (GUEST_RECORDS / owner).exists() and not cgroups.in_use(name):
            say(f"sweep: {name} belongs to no run")
            cgroups.remove(name)
            container.forget(name)
    runs = sorted(cache("runs", "x").parent.iterdir(), key=_changed)
    for path in runs[:-KEPT_RUNS]:
        if path.name not in living:
            shutil.rmtree(path, ignore_errors=True)


def _changed(path):
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another run's sweep was faster
        return 0.0
