# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes cpio archives in the "newc" form, which the kernel unpacks into its first root file system.

The kernel accepts several archives one after the other and lets later files replace earlier ones, so a big archive is
made once and a small one with today's files is appended. Everything belongs to root, whoever owns it here.
"""

import os
import stat

TRAILER = "TRAILER!!!"


class Writer:
    def __init__(self, file):
        self._file = file
        self._inode = 0

    def _pad(self, length):
        self._file.write(b"\0" * (-length % 4))

    def _entry(self, name, mode, size=0, device=(0, 0)):
        self._inode += 1
        raw = name.encode() + b"\0"
        numbers = (self._inode, mode, 0, 0, 1, 0, size, 0, 0, *device, len(raw), 0)
        self._file.write(b"070701" + b"".join(b"%08x" % number for number in numbers) + raw)
        self._pad(110 + len(raw))

    def data(self, name, content, mode=0o644):
        self._entry(name, stat.S_IFREG | mode, len(content))
        self._file.write(content)
        self._pad(len(content))

    def path(self, name, path):
        """Adds whatever is at path: a file, directory, symbolic link or device node."""
        status = os.lstat(path)
        mode = status.st_mode
        if stat.S_ISREG(mode):
            with open(path, "rb") as file:
                self.data(name, file.read(), stat.S_IMODE(mode))
        elif stat.S_ISLNK(mode):
            target = os.readlink(path).encode()
            self._entry(name, mode, len(target))
            self._file.write(target)
            self._pad(len(target))
        elif stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            self._entry(name, mode, device=(os.major(status.st_rdev), os.minor(status.st_rdev)))
        else:
            self._entry(name, mode)

    def tree(self, top, skip=()):
        """Adds everything below top, parents first; directories named in skip (relative to top) stay empty."""
        for directory, subdirectories, files in os.walk(top):
            subdirectories.sort()
            relative = os.path.relpath(directory, top)
            prefix = "" if relative == "." else relative + "/"
            if relative != ".":
                self.path(relative, directory)
            if relative in skip:
                subdirectories.clear()
                continue
            for name in sorted(files) + [each for each in subdirectories if os.path.islink(os.path.join(directory, each))]:
                self.path(prefix + name, os.path.join(directory, name))

    def end(self):
        self._entry(TRAILER, 0)
        self._file.write(b"\0" * (-self._file.tell() % 512))
