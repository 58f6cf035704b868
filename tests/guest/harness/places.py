# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where things are: the checkout, the cache outside of it, and locks that die with their holder."""

import contextlib
import fcntl
import os
import time
from pathlib import Path

from .console import say
from .process import Stopped, stopping

CHECKOUT = Path(__file__).resolve().parents[3]

# Names of guests are unique on the machine, not per cache, because cgroups are; so this is not in the cache.
GUEST_RECORDS = Path("/run/scopewright-guests")


def cache(*parts):
    """A path in the cache; the directory that would hold it exists afterwards."""
    base = os.environ.get("SCOPEWRIGHT_CACHE")
    if not base:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scopewright"
    path = Path(base).resolve().joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def try_lock(path):
    """Takes the lock and returns its descriptor, or None if another living process holds it.

    flock() belongs to the open file description: the kernel drops it when the holder dies, however it dies. Python
    opens files close-on-exec, so no child keeps it by accident.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor
    except BlockingIOError:
        os.close(descriptor)
        return None


@contextlib.contextmanager
def locked(path, why):
    """Waits for the lock, saying so if somebody else has it."""
    descriptor = try_lock(path)
    if descriptor is None:
        say(f"{why}: another process is at it, waiting")
    while descriptor is None:
        if stopping():
            raise Stopped()
        time.sleep(0.5)
        descriptor = try_lock(path)
    try:
        yield
    finally:
        os.close(descriptor)
