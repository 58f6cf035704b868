# SPDX-License-Identifier: LGPL-2.1-or-later
"""The stage: a directory tree that is laid over every root, with what the guests shall have besides Debian."""

import shutil
from pathlib import Path

from . import apparmor, guestfiles
from .bundle import bundle, is_dynamic_program
from .console import step
from .process import CommandFailed

TESTS = "usr/libexec/scopewright-tests"
GUEST_TESTS = "tests/integration/scopewright-guest-tests"
ALLOWED = {"usr", "etc", "var", "opt"}


def make(session, build=None, programs=(), confined=False):
    """Fills the session's stage: the harness's own files, an installed build, extra programs (path on this machine), and
    what a machine with AppArmor's profile needs.

    The build's in-guest test program is not installed by Meson; it becomes /usr/libexec/scopewright-tests/guest-tests.
    """
    stage = session.stage
    stage.mkdir()
    guestfiles.install(stage)
    (stage / TESTS).mkdir(parents=True)
    with step("stage: installing and bundling"):
        if build:
            build.install(stage)
            tests = build.directory / GUEST_TESTS
            if tests.exists():
                shutil.copy(tests, stage / TESTS / "guest-tests")
        if confined:
            programs = [*programs, apparmor.install(stage, build)]
        for program in programs:
            shutil.copy(program, stage / TESTS / Path(program).name)
        bundle(stage, [path for path in sorted(stage.rglob("*")) if is_dynamic_program(path)])
    for entry in stage.iterdir():
        if entry.name not in ALLOWED:
            raise CommandFailed(f"the build installs /{entry.name}; on a merged root that would hide a symbolic link")
    return stage
