# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian roots that guests boot from: one per systemd version, made once, never written to afterwards.

A root is a plain directory in the cache. Its name carries a digest of its recipe, so a changed recipe is another root,
and it is made under a temporary name and renamed when complete, so a root that exists is whole.
"""

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from .console import say, step
from .places import cache, locked
from .process import CommandFailed, run_logged, stopping

# systemd-sysv makes /sbin/init; udev, kmod, mount and procps are what PID 1's own units call (from systemd 262 on the
# package only recommends mount). No Python: tests bring what they need. strace is for the person who looks into a
# failure.
PACKAGES = ("systemd", "dbus", "systemd-sysv", "udev", "kmod", "mount", "procps", "strace")
# What others do with the same config.json (docs/comparison.md), in the one guest that has controllers to compare: two
# container runtimes, and a program that is a container's whole root by itself.
PEER_PACKAGES = {"252": ("runc", "crun", "busybox-static")}
# What a newer systemd only recommends, and without which it passes settings of units by: here, filters of system calls.
RECOMMENDED_PACKAGES = {"262": ("libseccomp2",)}
# Who decides about callers other than root, and the other bus. Neither runs where nobody asks for it: polkit is masked
# (guestfiles), and which bus runs the guest is told (container).
OTHER_PACKAGES = ("polkitd", "dbus-broker")
OTHER_NAMES = {("247", "polkitd"): "policykit-1"}
SYSTEMD_PACKAGES = ("systemd", "systemd-sysv", "libsystemd0", "libsystemd-shared", "libpam-systemd", "udev", "libudev1")
UNNEEDED_FILES = ("doc", "man", "locale", "info", "lintian", "bug", "bash-completion", "zsh")
ATTEMPTS = 3


@dataclasses.dataclass(frozen=True)
class Recipe:
    systemd: str
    suite: str
    backports: bool = False
    kernel: bool = False

    def packages(self):
        others = [OTHER_NAMES.get((self.systemd, name), name) for name in OTHER_PACKAGES]
        if not self.backports:
            more = PEER_PACKAGES.get(self.systemd, ()) + RECOMMENDED_PACKAGES.get(self.systemd, ())
            return [*PACKAGES, *others, *more]
        # apt prefers the plain suite: every package of the source must be named, or the versions disagree.
        newer = [f"{name}/{self.suite}-backports" for name in SYSTEMD_PACKAGES]
        return newer + [name for name in (*PACKAGES, *others) if name not in SYSTEMD_PACKAGES]

    def digest(self):
        """Changes whenever anything that goes into the root changes; the mirror does not."""
        content = [dataclasses.asdict(self), self.packages(), UNNEEDED_FILES, hooks(self)]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]

    def path(self):
        return cache("roots", f"{self.systemd}-{self.digest()}")


RECIPES = {
    recipe.systemd: recipe
    for recipe in (
        Recipe("247", "bullseye"),
        Recipe("252", "bookworm", kernel=True),
        Recipe("254", "bookworm", backports=True),
        Recipe("257", "trixie", kernel=True),
        Recipe("262", "sid", kernel=True),
    )
}

# mmdebstrap runs a hook with the root's path in $1. Before the packages: the line of the suite once more, for -backports.
BACKPORTS_HOOK = 'sed -n "s/ SUITE / SUITE-backports /p" "$1/etc/apt/sources.list" > "$1/etc/apt/sources.list.d/newer.list"'

# After the packages, while apt's lists are still there: the kernel that the meta package names today. Only its image is
# taken, since the cloud kernel boots from a cpio without any module. From Linux 7 on the image's package is a frame
# around others, and the kernel is in linux-binary-VERSION.
KERNEL_HOOK = """set -eu
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \\(linux-image-[0-9].*\\)/\\1/p' | head -n 1)
binary=$(apt-cache depends "$package" | sed -n 's/^ *Depends: \\(linux-binary-[0-9].*\\)/\\1/p' | head -n 1)
mkdir -p "$1/boot/fetch"
cd "$1/boot/fetch"
apt-get --quiet --option APT::Sandbox::User=root download "${binary:-$package}"
dpkg-deb --extract ./*.deb .
find . -type f -name 'vmlinuz*' -exec mv {} ../vmlinuz ';'
test -e ../vmlinuz
cd ..
rm -r fetch"""

# A version that the tests can print without starting anything.
VERSION_HOOK = "dpkg-query --admindir=\"$1/var/lib/dpkg\" -W -f '${Version}' systemd > \"$1/etc/scopewright-guest-version\""

# dbus-broker's package makes it the bus of the system and of users, by links that say so.
BUS_HOOK = 'rm -f "$1/etc/systemd/system/dbus.service" "$1/etc/systemd/user/dbus.service"'


def hooks(recipe):
    result = []
    if recipe.backports:
        result.append("--setup-hook=" + BACKPORTS_HOOK.replace("SUITE", recipe.suite))
    if recipe.kernel:
        result.append("--customize-hook=" + KERNEL_HOOK)
    result += ["--customize-hook=" + VERSION_HOOK, "--customize-hook=" + BUS_HOOK]
    return result


def host_mirror():
    """The Debian archive that this machine's own apt uses, or None: then mmdebstrap has a default of its own."""
    if os.environ.get("SCOPEWRIGHT_MIRROR"):
        return os.environ["SCOPEWRIGHT_MIRROR"]
    try:
        targets = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages"],
            capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    for line in targets.splitlines():
        origin, label, uri = line.split("|", 2)
        if (origin, label) == ("Debian", "Debian"):
            return uri
    return None


def mmdebstrap_command(recipe, target):
    command = ["mmdebstrap", "--variant=essential", "--mode=root", "--format=directory",
               # Release files of suites that no longer change are past their date.
               '--aptopt=Acquire::Check-Valid-Until "false"', '--aptopt=Acquire::Retries "3"',
               '--aptopt=Acquire::Languages "none"']
    command += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in UNNEEDED_FILES]
    command += ["--include=" + ",".join(recipe.packages()), *hooks(recipe), recipe.suite, str(target)]
    mirror = host_mirror()
    return command + ([mirror] if mirror else [])


def systemd_version(root):
    return (root / "etc/scopewright-guest-version").read_text().strip()


def ensure(systemd):
    """Returns the root for that systemd version, making it first if it is not in the cache."""
    recipe = RECIPES[systemd]
    root = recipe.path()
    if root.is_dir():
        return root
    with locked(cache("roots", root.name + ".lock"), f"root {systemd}"):
        if root.is_dir():
            return root
        return _make(recipe, root)


def _make(recipe, root):
    log = cache("logs", f"root-{recipe.systemd}.log")
    for attempt in range(1, ATTEMPTS + 1):
        for leftover in root.parent.glob(f".{root.name}.*"):
            _remove(leftover)
        unfinished = root.parent / f".{root.name}.{os.getpid()}"
        log.unlink(missing_ok=True)
        try:
            with step(f"root {recipe.systemd}: making it from Debian {recipe.suite}"):
                run_logged(["unshare", "--mount", "--propagation", "private", "--",
                            *mmdebstrap_command(recipe, unfinished)],
                           log, f"root {recipe.systemd}", seconds=600)
            break
        except CommandFailed as failure:
            if attempt == ATTEMPTS or stopping():
                raise CommandFailed(f"the root for systemd {recipe.systemd} (Debian {recipe.suite}) cannot be made: "
                                    f"{failure}; see {log}", log) from None
            time.sleep(3 * attempt)
    version = systemd_version(unfinished)
    if not version.startswith(recipe.systemd):
        say(f"root {recipe.systemd}: NOTE, the archive now has systemd {version} in {recipe.suite}")
    os.rename(unfinished, root)
    return root


def _remove(tree):
    """An aborted mmdebstrap may have left /proc mounted; its mount namespace is gone, but never follow a mount."""
    if any(f" {tree}/" in line for line in Path("/proc/self/mountinfo").read_text().splitlines()):
        raise CommandFailed(f"something is still mounted below {tree}")
    shutil.rmtree(tree, ignore_errors=True)
