# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host's side of a guest's cgroup tree: where cgroup2 is mounted, one fresh cgroup per guest, and its removal.

Where the host's own PID 1 is systemd, the tree belongs to it and the guest gets a delegated scope, with every controller
the host has. Elsewhere nobody owns the tree, and the guest gets a directory at the top.
"""

import os
import time
from pathlib import Path

PREFIX = "scopewright-guest-"


def _mounts(kind):
    """Mount points of one file system type, with the mount's super block options."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, after = line.split(" - ", 1)
        if after.split(" ")[0] == kind:
            yield Path(before.split(" ")[4]), after.split(" ")[2]


def unified_mount():
    """Where cgroup2 is: /sys/fs/cgroup on a unified host, usually …/unified on one with v1 controllers."""
    return next((point for point, _ in _mounts("cgroup2")), None)


def named_mount():
    """The v1 hierarchy name=systemd, if there is one: systemd-nspawn mirrors its cgroup's path there."""
    return next((point for point, options in _mounts("cgroup") if "name=systemd" in options.split(",")), None)


def available_controllers():
    mount = unified_mount()
    return (mount / "cgroup.controllers").read_text().split() if mount else []


def host_runs_systemd():
    return Path("/run/systemd/system").is_dir()


def joining(name):
    """The words in front of a command that shall run in a fresh cgroup of that name. They end in exec(): same PID."""
    if host_runs_systemd():
        return ["systemd-run", "--scope", "--quiet", "--collect", "--unit", name, "--slice=system.slice",
                "--description=Guest of the scopewright tests",
                "--property=Delegate=yes", "--property=TasksMax=infinity", "--"]
    directory = unified_mount() / name
    directory.mkdir()
    return ["/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', directory]


def pass_on(name):
    """Gives the guest what its tree can have of the host's. systemd does that for a delegated scope; where nobody owns
    the tree, those controllers that no v1 hierarchy holds are nobody's either."""
    if host_runs_systemd():
        return
    mount = unified_mount()
    for controller in available_controllers():
        for directory in (mount, mount / name):
            try:
                (directory / "cgroup.subtree_control").write_text(f"+{controller}")
            except OSError:
                break  # the host's own processes are in the way


def _places():
    """Directories in which guests' cgroups may be, and what follows a guest's name there."""
    for mount in (unified_mount(), named_mount()):
        if mount:
            yield mount, ""
            yield mount / "system.slice", ".scope"


def remove(name):
    """Kills what is left in a guest's cgroups and removes them. Nothing happens if there are none."""
    for parent, suffix in _places():
        directory = parent / (name + suffix)
        if directory.is_dir():
            _empty(directory)
            _remove_tree(directory)


def in_use(name):
    return any(_processes(parent / (name + suffix)) for parent, suffix in _places())


def leftovers():
    """Names of all guests that have a cgroup, in either hierarchy."""
    found = set()
    for parent, suffix in _places():
        found.update(entry.name.removesuffix(suffix) for entry in parent.glob(f"{PREFIX}*{suffix}") if entry.is_dir())
    return found


def _bottom_up(top):
    return [Path(path) for path, _, _ in os.walk(top, topdown=False)]


def _processes(top):
    found = []
    for directory in _bottom_up(top):
        try:
            found += (directory / "cgroup.procs").read_text().split()
        except OSError:
            pass  # removed meanwhile, or threaded
    return found


def _empty(top, patience=10.0):
    """Ends every process below. cgroup.kill reaches also what forks meanwhile; v1 and old kernels have to loop."""
    deadline = time.monotonic() + patience
    while (processes := _processes(top)) and time.monotonic() < deadline:
        try:
            (top / "cgroup.kill").write_text("1")
        except OSError:
            _kill_all(processes)
        time.sleep(0.05)


def _kill_all(pids):
    for pid in pids:
        # 0 stands for a process outside of our PID namespace; kill(0) would be ourselves.
        if int(pid) > 1:
            try:
                os.kill(int(pid), 9)
            except ProcessLookupError:
                pass


def _remove_tree(top, patience=5.0):
    """A dying process still counts for a moment, so rmdir() may answer EBUSY a few times."""
    deadline = time.monotonic() + patience
    while True:
        try:
            for directory in _bottom_up(top):
                directory.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
