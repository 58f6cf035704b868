# SPDX-License-Identifier: LGPL-2.1-or-later
"""Meson build trees in the cache, one per purpose and checkout, so that nothing is compiled twice without need."""

import hashlib
import os
import shutil

from .console import step
from .places import CHECKOUT, cache, locked
from .process import CommandFailed, run_logged

# Where Debian puts things. The unit directory is below /usr/lib on every root: a stage must not contain /lib, which is a
# symbolic link on a merged root, and every systemd version also looks in /usr/lib.
PATHS = ("--prefix=/usr", "--libexecdir=libexec", "--sysconfdir=/etc", "--localstatedir=/var",
         "-Dsystemdsystemunitdir=/usr/lib/systemd/system")
# Files and lines are what the sanitizers and a core dump name; all that a debugger may ask for takes a third of the time.
DEBUGGING = "-Dcpp_args=-g1"


def serves(made, wanted):
    """Whether a tree made with some options is one for others: where warnings are errors, they may be so for all."""
    strict = "--werror" in made.splitlines()
    return made == wanted or (strict and [line for line in made.splitlines() if line != "--werror"] == wanted.splitlines())


class Build:
    """One build tree. name is its purpose; options are Meson's; compiler is (CC, CXX) or None for the default."""

    def __init__(self, name, options=(), compiler=None, project=CHECKOUT):
        self.name = name
        self.project = project
        owner = hashlib.sha256(str(project).encode()).hexdigest()[:8]
        self.directory = cache("build", owner, name)
        self.log = cache("logs", f"build-{name}.log")
        self._options = [*PATHS, DEBUGGING, *options]
        self._environment = dict(os.environ)
        if compiler:
            # Meson finds ccache by itself only for the default compiler.
            cache_words = "ccache " if shutil.which("ccache") else ""
            self._environment.update(CC=cache_words + compiler[0], CXX=cache_words + compiler[1])

    def make(self, targets=(), seconds=1200):
        """Configures if that has not been done with these options, and compiles the targets, or everything."""
        with locked(self.directory.with_suffix(".lock"), f"build {self.name}"):
            self.log.unlink(missing_ok=True)
            signature = self.directory / "scopewright-options"
            wanted = "\n".join([*self._options, self._environment.get("CXX", "")])
            if not (signature.exists() and serves(signature.read_text(), wanted)):
                shutil.rmtree(self.directory, ignore_errors=True)
                with step(f"build {self.name}: configuring"):
                    self._run("meson", "setup", self.directory, self.project, *self._options, seconds=120)
                signature.write_text(wanted)
            with step(f"build {self.name}: compiling"):
                # Meson looks a target up before it looks whether its own files have changed.
                self._run("ninja", "-C", self.directory, "build.ninja", seconds=120)
                self._run("meson", "compile", "-C", self.directory, *targets, seconds=seconds)
        return self

    def install(self, destination):
        self._run("meson", "install", "-C", self.directory, "--no-rebuild", "--quiet", "--destdir", destination,
                  seconds=120)

    def _run(self, *argv, seconds):
        run_logged(argv, self.log, f"build {self.name}: {argv[0]} {argv[1]}", seconds, env=self._environment,
                   cwd=self.project)


def product(project=CHECKOUT, options=()):
    """The build that the host's tests and all guests use."""
    if not (project / "meson.build").exists():
        raise CommandFailed(f"there is no meson.build in {project}")
    return Build("gcc", ["--buildtype=debugoptimized", *options], project=project)
