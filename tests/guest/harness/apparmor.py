# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines in which AppArmor's profile of the daemon is in force.

The other side: the kernel takes profiles compiled for what it can mediate, which differs from version to version, so the
compiler goes into the guest and asks the kernel that runs there. It is this machine's, with the rules that its package
brings for others to include: what an administrator of Debian 12 has.
"""

import shutil
from pathlib import Path

from .process import CommandFailed

PARSER = "/sbin/apparmor_parser"
FOLDER = Path("/etc/apparmor.d")
# What a profile includes, by the names it is included by.
INCLUDED = ("abi", "abstractions", "tunables")
PROFILE = "conf/scopewrightd"
# tests/guest/files has it. A machine runs it before its commands.
LOAD = "/usr/lib/scopewright-guest/load-apparmor"


def why_not():
    """A reason why no profile can be compiled, or None."""
    if not Path(PARSER).exists() or not all((FOLDER / name).is_dir() for name in INCLUDED):
        return "apparmor is not installed (tests/setup installs it)"
    return None


def install(tree, build):
    """Puts the profile and what compiles it into a stage. Nothing loads it unless LOAD is run."""
    if reason := why_not():
        raise CommandFailed(reason)
    target = tree / FOLDER.relative_to("/")
    for name in INCLUDED:
        shutil.copytree(FOLDER / name, target / name)
    shutil.copy(build.directory / PROFILE, target)
    return PARSER
