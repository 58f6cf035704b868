# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes freshly built programs run on any Debian root, also on one whose C library is older than the build machine's.

A program's ELF header names its loader, and the loader finds the libraries. Both are copied next to each other, and the
program is patched to name the copies. DT_RPATH (not DT_RUNPATH) is written, because only that one also applies to the
libraries' own libraries, which stay as they are.
"""

import re
import shutil
import subprocess

from .process import CommandFailed

BUNDLE = "usr/lib/scopewright-bundle"
LOADER = re.compile(r"^\s*(/\S*/ld-linux\S*)")
LIBRARY = re.compile(r"^\s*(\S+) => (/\S+) \(0x")


def _output(*argv):
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True)
    if done.returncode != 0:
        raise CommandFailed(f"{argv[0]} {argv[-1]}: {done.stderr.strip()}")
    return done.stdout


def is_dynamic_program(path):
    """An ELF file that asks for a loader. Shared libraries and static programs do not."""
    if path.is_symlink() or not path.is_file():
        return False
    with open(path, "rb") as file:
        if file.read(4) != b"\x7fELF":
            return False
    probe = subprocess.run(["patchelf", "--print-interpreter", str(path)], capture_output=True, text=True)
    return probe.returncode == 0


def bundle(stage, programs):
    """Copies what the programs (paths inside the stage) need into the stage, and points the programs to it."""
    directory = stage / BUNDLE
    directory.mkdir(parents=True, exist_ok=True)
    for program in programs:
        loader = None
        for line in _output("ldd", program).splitlines():
            if "not found" in line:
                raise CommandFailed(f"{program}: {line.strip()}")
            if match := LIBRARY.match(line):
                _copy(match[2], directory / match[1])
            elif match := LOADER.match(line):
                loader = match[1]
                _copy(loader, directory / loader.rsplit("/", 1)[1])
        if not loader:
            raise CommandFailed(f"{program}: ldd names no loader")
        loader_name = loader.rsplit("/", 1)[1]
        _output("patchelf", "--force-rpath", "--set-rpath", f"/{BUNDLE}",
                "--set-interpreter", f"/{BUNDLE}/{loader_name}", program)


def _copy(source, target):
    if not target.exists():
        shutil.copy(source, target)
        target.chmod(0o755)
