# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every guest gets besides the product: tests/guest/files, masks, and the commands it shall run."""

import shlex
from pathlib import Path

FILES = Path(__file__).resolve().parents[1] / "files"
COMMANDS = "var/lib/scopewright-guest"

# Units that are slow, or wait for hardware that a guest has not got. A serial getty on the console would wait 90 s for
# udev to announce the port. polkit is there for the tests that unmask it; for the others there is none.
MASKED = ("serial-getty@ttyS0.service", "getty@tty1.service", "console-getty.service", "systemd-firstboot.service",
          "systemd-pstore.service", "systemd-hwdb-update.service", "systemd-update-utmp.service",
          "systemd-udev-settle.service", "dev-hugepages.mount", "systemd-rfkill.service", "dpkg-db-backup.timer", "fstrim.timer",
          "e2scrub_reap.service", "e2scrub_all.timer", "apt-daily.timer", "apt-daily-upgrade.timer", "polkit.service",
          "polkit-agent-helper.socket")


def install(tree):
    """Puts the files into a directory tree that will be laid over a root."""
    for source in sorted(FILES.rglob("*")):
        target = tree / source.relative_to(FILES)
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
    units = tree / "etc/systemd/system"
    units.mkdir(parents=True, exist_ok=True)
    for unit in MASKED:
        (units / unit).symlink_to("/dev/null")


def as_shell(command):
    """A command is a list of words, or a string that the guest's /bin/sh reads."""
    return command if isinstance(command, str) else "exec " + shlex.join(str(word) for word in command)


def write_commands(directory, commands, limit, environment):
    """Lays the commands out the way files/usr/lib/scopewright-guest/run-command reads them."""
    directory.mkdir(parents=True, exist_ok=True)
    lines = [f'{name}="{value}"\n' for name, value in sorted(environment.items())]
    (directory / "environment").write_text("".join(lines))
    for number, command in enumerate(commands):
        place = directory / f"{number:02}"
        place.mkdir()
        (place / "command").write_text(as_shell(command) + "\n")
        (place / "limit").write_text(f"{int(limit)}\n")
